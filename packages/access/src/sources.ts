import { type Action, type Filter, SluiceError } from "@sluice/core";
import type { Asker } from "./asker.ts";
import type { GrantSource } from "./grant-source.ts";

/** The further sources of grants as one: what one of them grants is granted. */
export class Sources {
  readonly #sources: readonly GrantSource[];

  constructor(sources: readonly GrantSource[]) {
    this.#sources = [...sources];
  }

  get isEmpty(): boolean {
    return this.#sources.length === 0;
  }

  /** How often live readers are to be shown; `null`: never. */
  get showEveryMs(): number | null {
    const periods = this.#sources.flatMap(({ live }) => (live === undefined ? [] : [live.showEveryMs]));
    return periods.length === 0 ? null : Math.min(...periods);
  }

  /** Whether live readers end while a source can't tell. */
  get endsWhenUnavailable(): boolean {
    return this.#sources.some(({ live }) => live?.endsWhenUnavailable === true);
  }

  /**
   * Asks one source after the other. Answers `undefined` if one grants, else the first refusal.
   * @throws {SluiceError} `app-unavailable` if a source can't tell now
   */
  async ask(asker: Asker, action: Action, filter: Filter): Promise<SluiceError | undefined> {
    let refusal: SluiceError | undefined;
    for (const source of this.#sources) {
      // One that grants saves the others the question.
      const verdict = await source.ask(asker, action, filter);
      if (verdict === "granted") return undefined;
      if (verdict !== "silent") refusal ??= verdict;
    }
    return refusal ?? refused(asker, action, filter);
  }

  /**
   * Shows what a live reader relies on to all that keep an eye on it. Answers the fault for which it may not stay,
   * `undefined` if it may, and `null` if somebody would have to be asked.
   */
  show(asker: Asker, filter: Filter): SluiceError | undefined | null {
    let refusal: SluiceError | undefined;
    let isOpen = false;
    for (const { live } of this.#sources) {
      const verdict = live === undefined ? undefined : live.show(asker, filter);
      if (verdict === "granted") return undefined;
      if (verdict === undefined) isOpen = true;
      else if (verdict !== "silent") refusal ??= verdict;
    }
    return isOpen ? null : (refusal ?? refused(asker, "read", filter));
  }

  /** Tells `listener` when readers with these foreign credentials may no longer read this topic; the answer ends that. */
  follow(listener: (credentials: string, topic: string) => void): () => void {
    const ends = this.#sources.map(({ live }) => live?.follow(listener));
    return () => {
      for (const end of ends) end?.();
    };
  }
}

const DOING: Readonly<Record<Action, string>> = { read: "read", publish: "publish to", hooks: "register hooks for" };

function refused(asker: Asker, action: Action, filter: Filter): SluiceError {
  const what = `${DOING[action]} ${filter.text}`;
  if (!asker.hasCredentials) return new SluiceError("unauthorized", `Credentials are needed to ${what}.`);
  const hint = filter.isPattern ? " A pattern is granted only if one grant covers all that it can match." : "";
  return new SluiceError("forbidden", `These credentials do not let anybody ${what}.${hint}`);
}
