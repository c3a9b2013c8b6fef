/** A stretch of time in which something was the matter. */
export interface Span {
  readonly kind: "offline" | "slow" | "down";
  readonly from: number;
  /** `null`: it still is. */
  to: number | null;
}

const REMEMBERED = 100;

/** What was the matter when. One thing at a time. */
export class Spans {
  readonly #all: Span[] = [];

  get all(): readonly Span[] {
    return this.#all;
  }

  /** What is the matter now; `null`: nothing. */
  get current(): Span | null {
    const last = this.#all.at(-1);
    return last?.to === null ? last : null;
  }

  /** From now on this is the matter, or nothing. */
  become(kind: Span["kind"] | null, at: number): void {
    const { current } = this;
    if (current?.kind === kind || (current === null && kind === null)) return;
    if (current !== null) current.to = at;
    if (kind !== null) this.#all.push({ kind, from: at, to: null });
    if (this.#all.length > REMEMBERED) this.#all.shift();
  }
}
