/** What a server does to the events of a topic on purpose. Numbers are counted per topic, from 0. */
export interface Faults {
  isDropped?(number: number): boolean;
  isDoubled?(number: number): boolean;
  /** The event comes after the one that follows it. */
  isLate?(number: number): boolean;
  readonly delayMs?: number;
}

/** The events of a topic as its readers get them, and what was done to them. */
export class FaultyLog {
  readonly events: string[] = [];
  readonly counts: { dropped: number; doubled: number; late: number } = { dropped: 0, doubled: 0, late: 0 };
  readonly #faults: Faults;
  readonly #onEvent: () => void;
  #number = 0;
  #held: string | null = null;

  constructor(faults: Faults, onEvent: () => void) {
    this.#faults = faults;
    this.#onEvent = onEvent;
  }

  append(data: string): void {
    const number = this.#number;
    this.#number += 1;
    if (this.#faults.isDropped?.(number) === true) {
      this.counts.dropped += 1;
      return;
    }
    if (this.#faults.isLate?.(number) === true) {
      this.#held = data;
      return;
    }
    const isDoubled = this.#faults.isDoubled?.(number) === true;
    if (isDoubled) this.counts.doubled += 1;
    const held = this.#held;
    this.#held = null;
    if (held !== null) this.counts.late += 1;
    const batch = [data, ...(isDoubled ? [data] : []), ...(held === null ? [] : [held])];
    const { delayMs = 0 } = this.#faults;
    if (delayMs === 0) this.#deliver(batch);
    else setTimeout(() => this.#deliver(batch), delayMs);
  }

  #deliver(batch: readonly string[]): void {
    this.events.push(...batch);
    this.#onEvent();
  }
}
