import type { Setup } from "../../src/stage/stage-protocol.ts";

interface HookView {
  readonly id: string;
  readonly status: string;
}

/** A hook at the gateway: a URL that gets every event. Nothing in the page has to stay connected for it. */
export class Hook {
  readonly #collection: Collection;
  readonly #id: string;

  private constructor(collection: Collection, id: string) {
    this.#collection = collection;
    this.#id = id;
  }

  /**
   * Registers the URL, from now on. What earlier pages have left is taken away first.
   * @throws {Error} if the gateway does not take it
   */
  static async register(setup: Setup["hooks"], target: string): Promise<Hook> {
    const collection = new Collection(setup);
    await Promise.all((await collection.list()).map(({ id }) => collection.remove(id)));
    return new Hook(collection, await collection.add(target));
  }

  /** `active`, `failing`, …; `gone` if the gateway has it no more, `null` if it can't be asked. */
  async status(): Promise<string | null> {
    try {
      return (await this.#collection.list()).find(({ id }) => id === this.#id)?.status ?? "gone";
    } catch {
      return null;
    }
  }

  /** Has the gateway deliver again that has given up for a while, from where it was. */
  async resume(): Promise<void> {
    await this.#collection.resume(this.#id);
  }

  /** Takes it away. Also works while the page goes. */
  async remove(): Promise<void> {
    await this.#collection.remove(this.#id);
  }
}

/** The resource of all hooks of one's own. */
class Collection {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor({ url, token }: Setup["hooks"]) {
    this.#url = url;
    this.#headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  }

  async list(): Promise<readonly HookView[]> {
    const response = await fetch(this.#url, { headers: this.#headers });
    if (!response.ok) throw new Error(`the gateway answers ${response.status}`);
    return ((await response.json()) as { readonly hooks: readonly HookView[] }).hooks;
  }

  /** The new one's id. */
  async add(target: string): Promise<string> {
    const body = JSON.stringify({ target_url: target, topics: ["orders", "orders/**"] });
    const response = await fetch(this.#url, { method: "POST", headers: this.#headers, body });
    if (!response.ok) throw new Error(`the gateway answers ${response.status}`);
    return ((await response.json()) as HookView).id;
  }

  async resume(id: string): Promise<void> {
    const body = JSON.stringify({ from: "cursor" });
    await fetch(`${this.#url}/${id}/resume`, { method: "POST", headers: this.#headers, body });
  }

  async remove(id: string): Promise<void> {
    await fetch(`${this.#url}/${id}`, { method: "DELETE", headers: this.#headers, keepalive: true });
  }
}
