import type { Ledger } from "./ledger.ts";

/** Stanzas after which the client is asked along with the next. Fewer are asked about when a session's time has come. */
const ASK_AFTER = 256;

/**
 * When a client is to be asked how far it has got: seldom, never twice at a time, and not for nothing. Each answer is a
 * read of the socket and an element to be parsed, some five times as much work as an item.
 */
export class Inquiry {
  readonly #ledger: Ledger;
  /** What had been sent when the client was asked last; `null` unless it owes the answer. */
  #askedAt: number | null = null;
  #answeredAt: number;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    this.#answeredAt = ledger.sent;
  }

  /** Whether so much is out that it can't wait. */
  get isPressing(): boolean {
    return this.#askedAt === null && this.#ledger.sent - this.#answeredAt >= ASK_AFTER;
  }

  /** Whether there is something new to ask about. Clients that count too little would otherwise be asked for ever. */
  get isDue(): boolean {
    return this.#askedAt === null && this.#ledger.isOwed && this.#ledger.sent > this.#answeredAt;
  }

  /** The question has been put, and counted in the ledger if it is a stanza. */
  asked(): void {
    this.#askedAt = this.#ledger.sent;
  }

  /** The client has the first `number` stanzas. One that can't be is passed over: nothing is known to have arrived. */
  answered(number: number): void {
    this.#ledger.acknowledge(number);
    if (this.#askedAt === null) return;
    this.#answeredAt = this.#askedAt;
    this.#askedAt = null;
  }

  /** What is asked from now on is another question: nothing is owed. */
  reset(): void {
    this.#askedAt = null;
  }
}
