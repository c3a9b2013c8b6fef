import type { Setup } from "../../src/stage/stage-protocol.ts";

interface HookView {
  readonly id: string;
  readonly status: string;
}

/** A hook at the gateway: a URL that gets every event. Nothing in the page has to stay connected for it. */
export class Hook {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  private constructor(url: string, headers: Readonly<Record<string, string>>) {
    this.#url = url;
    this.#headers = headers;
  }

  /**
   * Registers the URL, from now on. What earlier pages have left is taken away first.
   * @throws {Error} if the gateway does not take it
   */
  static async register({ url, token }: Setup["hooks"], target: string): Promise<Hook> {
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    const body = JSON.stringify({ target_url: target, topics: ["orders", "orders/**"] });
    const list = (await (await fetch(url, { headers })).json()) as { readonly hooks: readonly HookView[] };
    await Promise.all(list.hooks.map(({ id }) => new Hook(`${url}/${id}`, headers).remove()));
    const response = await fetch(url, { method: "POST", headers, body });
    const location = response.headers.get("Location");
    if (response.status !== 201 || location === null) throw new Error(`the hook was refused: ${response.status}`);
    return new Hook(new URL(location, url).href, headers);
  }

  /** `active`, `failing`, `gone`, …; `null` if the gateway can't be asked. */
  async status(): Promise<string | null> {
    try {
      const response = await fetch(this.#url, { headers: this.#headers });
      if (response.status === 410) return "gone";
      return response.ok ? ((await response.json()) as HookView).status : null;
    } catch {
      return null;
    }
  }

  /** Takes it away. Also works while the page goes. */
  async remove(): Promise<void> {
    await fetch(this.#url, { method: "DELETE", headers: this.#headers, keepalive: true });
  }
}
