/** Somebody who wants to know how far the client has got. */
export interface Acknowledged {
  acknowledged(position: number): void;
}

interface Entry {
  readonly number: number;
  readonly reader: Acknowledged | null;
  /** How far the reader is once the client has this; nothing without a reader. */
  readonly position: number;
  /** What can't be read from the log again: an answer to an iq, say. */
  readonly text: string | null;
}

/** Entries above which every second one is forgotten. */
const MAX_ENTRIES = 4096;
/** Answers that are kept until the client has them. */
const MAX_TEXTS = 256;

/**
 * What has been sent and not yet acknowledged, as places in the log: a few bytes per stanza, no XML of events. A client
 * that never acknowledges costs a bounded amount: of a long list every second place is forgotten, and then an
 * acknowledgement counts for a little less than it says.
 */
export class Ledger {
  #sent = 0;
  #acknowledged = 0;
  #entries: Entry[] = [];
  #texts = 0;

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
    return this.#entries.some(({ reader }) => reader !== null);
  }

  get unacknowledged(): number {
    return this.#sent - this.#acknowledged;
  }

  /** An item of a reader has been sent. */
  addItem(reader: Acknowledged, position: number): void {
    this.#add({ number: (this.#sent += 1), reader, position, text: null });
  }

  /** Something else has been sent. */
  addText(text: string): void {
    this.#sent += 1;
    if (this.#texts >= MAX_TEXTS) return;
    this.#texts += 1;
    this.#add({ number: this.#sent, reader: null, position: 0, text });
  }

  /** Something else has been sent that need not be sent again. */
  addPassing(): void {
    this.#sent += 1;
  }

  /** The client has the first `number` stanzas; `false` if it can't. */
  acknowledge(number: number): boolean {
    if (number < this.#acknowledged || number > this.#sent) return false;
    this.#acknowledged = number;
    let count = 0;
    for (const { number: entry, reader, position, text } of this.#entries) {
      if (entry > number) break;
      count += 1;
      if (text !== null) this.#texts -= 1;
      reader?.acknowledged(position);
    }
    this.#entries.splice(0, count);
    return true;
  }

  /** Takes back all that is not acknowledged, since it is going to be sent again. Answers what the log does not have. */
  rewind(): readonly string[] {
    const texts = this.#entries.flatMap(({ text }) => (text === null ? [] : [text]));
    this.#entries = [];
    this.#texts = 0;
    this.#sent = this.#acknowledged;
    return texts;
  }

  #add(entry: Entry): void {
    this.#entries.push(entry);
    if (this.#entries.length <= MAX_ENTRIES) return;
    this.#entries = this.#entries.filter(
      ({ text, number }) => text !== null || number % 2 === 0 || number === entry.number,
    );
    if (this.#entries.length > MAX_ENTRIES) this.#entries = this.#entries.filter((_, index) => index % 2 === 0);
  }
}
