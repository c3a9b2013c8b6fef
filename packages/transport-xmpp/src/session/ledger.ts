/** Somebody who wants to know how far the client has got. */
export interface Acknowledged {
  acknowledged(position: number): void;
}

/** An item that is not acknowledged: when stanza `number` has arrived, the reader is at `position`. */
export interface Owed {
  readonly number: number;
  readonly reader: Acknowledged;
  readonly position: number;
}

/** Places above which every second one is forgotten. */
const MAX_PLACES = 4096;
/** Answers that are kept until the client has them, and their characters. */
const MAX_TEXTS = 256;
const MAX_CHARACTERS = 64 * 1024;

/**
 * What has been sent and not yet acknowledged, as places in the log: no XML of events. A client that never acknowledges
 * costs a bounded amount: of a long list every second place is forgotten, and then an acknowledgement counts for a
 * little less than it says.
 *
 * Three arrays of the same length and not one of objects: an entry lives until the next acknowledgement, long enough to
 * be moved by the collector, and there is one per item and reader.
 */
export class Ledger {
  #sent: number;
  #acknowledged: number;
  #numbers: number[] = [];
  #readers: Acknowledged[] = [];
  #positions: number[] = [];
  /** What can't be read from the log again, by number. */
  readonly #texts = new Map<number, string>();
  #characters = 0;

  /** @param sent of which all is acknowledged */
  constructor(sent: number = 0) {
    this.#sent = sent;
    this.#acknowledged = sent;
  }

  /** Stanzas sent. */
  get sent(): number {
    return this.#sent;
  }

  /** Stanzas that the client is known to have. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Whether acknowledging would move a reader. */
  get isOwed(): boolean {
    return this.#numbers.length > 0;
  }

  /** The items that are not acknowledged, oldest first. */
  get owed(): readonly Owed[] {
    return this.#numbers.map((number, at) => ({
      number,
      reader: this.#readers[at] as Acknowledged,
      position: this.#positions[at] as number,
    }));
  }

  /** What else is not acknowledged, by number. */
  get texts(): ReadonlyMap<number, string> {
    return this.#texts;
  }

  /** An item of a reader has been sent. */
  addItem(reader: Acknowledged, position: number): void {
    this.#sent += 1;
    this.#numbers.push(this.#sent);
    this.#readers.push(reader);
    this.#positions.push(position);
    if (this.#numbers.length > MAX_PLACES) this.#thin();
  }

  /** Something else has been sent, which the log does not have. */
  addText(text: string): void {
    this.#sent += 1;
    if (this.#texts.size >= MAX_TEXTS || this.#characters + text.length > MAX_CHARACTERS) return;
    this.#characters += text.length;
    this.#texts.set(this.#sent, text);
  }

  /** Something else has been sent that need not be sent again. */
  addPassing(): void {
    this.#sent += 1;
  }

  /** The client has the first `number` stanzas; `false` if it can't. */
  acknowledge(number: number): boolean {
    if (number < this.#acknowledged || number > this.#sent) return false;
    this.#acknowledged = number;
    const next = this.#numbers.findIndex((one) => one > number);
    const count = next === -1 ? this.#numbers.length : next;
    this.#numbers.splice(0, count);
    const positions = this.#positions.splice(0, count);
    const readers = this.#readers.splice(0, count);
    for (const [at, reader] of readers.entries()) {
      // Of a run only its end counts.
      if (readers[at + 1] !== reader) reader.acknowledged(positions[at] as number);
    }
    for (const [one, text] of this.#texts) {
      if (one > number) break;
      this.#texts.delete(one);
      this.#characters -= text.length;
    }
    return true;
  }

  /** Forgets every second place of each reader, but its newest. */
  #thin(): void {
    const isKept = new Map<Acknowledged, boolean>();
    const kept = this.owed
      .toReversed()
      .filter(({ reader }) => {
        isKept.set(reader, isKept.get(reader) !== true);
        return isKept.get(reader);
      })
      .toReversed();
    // With as many readers as places there is nothing to thin.
    const left = kept.length > MAX_PLACES / 2 ? kept.slice(-MAX_PLACES / 2) : kept;
    this.#numbers = left.map(({ number }) => number);
    this.#readers = left.map(({ reader }) => reader);
    this.#positions = left.map(({ position }) => position);
  }
}
