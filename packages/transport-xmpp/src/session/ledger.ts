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

/** Places above which some are forgotten. */
const MAX_PLACES = 4096;
/** Answers that are kept until the client has them, and their characters. */
const MAX_TEXTS = 256;
const MAX_CHARACTERS = 64 * 1024;

/** Numbers that a place takes in the list: that of the stanza, the position, and the index of the reader. */
const STRIDE = 3;

/**
 * What has been sent and not yet acknowledged, as places in the log: no XML of events. A client that never acknowledges
 * costs a bounded amount: of a long list some places are forgotten, and then an acknowledgement counts for a little less
 * than it says.
 *
 * A place is three numbers in one array, and no object: there is one per item and reader, which lives until the next
 * acknowledgement, and each piece of memory that is touched for it is out of the processor's cache by then.
 */
export class Ledger {
  #sent: number;
  #acknowledged: number;
  #places: number[] = [];
  /** Those that have places. */
  #readers: Acknowledged[] = [];
  /** Whose item was the last, and its index: mostly the next one's too. */
  #latest: Acknowledged | null = null;
  #index = 0;
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
    return this.#places.length > 0;
  }

  /** The items that are not acknowledged, oldest first. */
  get owed(): readonly Owed[] {
    const owed: Owed[] = [];
    for (let at = 0; at < this.#places.length; at += STRIDE) {
      const [number = 0, position = 0, index = 0] = this.#places.slice(at, at + STRIDE);
      owed.push({ number, reader: this.#readers[index] as Acknowledged, position });
    }
    return owed;
  }

  /** What else is not acknowledged, by number. */
  get texts(): ReadonlyMap<number, string> {
    return this.#texts;
  }

  /** An item of a reader has been sent. */
  addItem(reader: Acknowledged, position: number): void {
    this.#sent += 1;
    if (reader !== this.#latest) this.#meet(reader);
    this.#places.push(this.#sent, position, this.#index);
    if (this.#places.length > MAX_PLACES * STRIDE) this.#thin();
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
    this.#move(number);
    for (const [one, text] of this.#texts) {
      if (one > number) break;
      this.#texts.delete(one);
      this.#characters -= text.length;
    }
    return true;
  }

  /** Takes out the places up to a stanza, and moves their readers. */
  #move(number: number): void {
    const places = this.#places;
    const readers = this.#readers;
    let end = 0;
    while (end < places.length && (places[end] ?? 0) <= number) end += STRIDE;
    this.#places = places.slice(end);
    if (this.#places.length === 0) {
      this.#readers = [];
      this.#latest = null;
    }
    for (let at = 0; at < end; at += STRIDE) {
      const [position = 0, index = 0] = [places[at + 1], places[at + 2]];
      // Of a run only its end counts.
      if (at + STRIDE < end && places[at + STRIDE + 2] === index) continue;
      readers[index]?.acknowledged(position);
    }
  }

  #meet(reader: Acknowledged): void {
    this.#latest = reader;
    const known = this.#readers.indexOf(reader);
    this.#index = known === -1 ? this.#readers.push(reader) - 1 : known;
  }

  /** Forgets places, evenly over all that is out, but of each reader not the newest. */
  #thin(): void {
    const { owed } = this;
    const newest = new Map(owed.map(({ reader, number }) => [reader, number]));
    const apart = (((this.#sent - this.#acknowledged) * 2) / MAX_PLACES) * newest.size;
    const kept = new Map<Acknowledged, number>();
    this.#places = [];
    for (const { number, position, reader } of owed) {
      const isFar = number - (kept.get(reader) ?? this.#acknowledged) >= apart;
      if (!isFar && newest.get(reader) !== number) continue;
      kept.set(reader, number);
      this.#places.push(number, position, this.#readers.indexOf(reader));
    }
    // With as many readers as places the oldest go.
    this.#places.splice(0, Math.max(0, this.#places.length - (MAX_PLACES - MAX_PLACES / 4) * STRIDE));
  }
}
