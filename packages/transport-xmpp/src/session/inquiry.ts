import type { Ledger } from "./ledger.ts";

/** Stanzas after which the client is asked along with the next. Fewer are asked about when a session's time has come. */
const ASK_AFTER = 256;

/** Ticks from one question to the next. */
const TICKS = 2;

/**
 * When a client is to be asked how far it has got: seldom, never twice at a time, and not for nothing. Each answer is a
 * read of the socket and an element to be parsed, some five times as much work as an item.
 */
export class Inquiry {
  readonly #ledger: Ledger;
  /** What had been sent when the client was asked last; `null` unless it owes the answer. */
  #askedAt: number | null = null;
  #answeredAt: number;
  /** Since the client was asked last. */
  #ticks = TICKS;
  /** Whether the next item takes the question along. */
  #isRiding = false;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    this.#answeredAt = ledger.sent;
  }

  /** Whether an item that is sent now takes the question along: it has waited for one, or so much is out. */
  get isPressing(): boolean {
    if (this.#askedAt !== null) return false;
    return this.#isRiding || this.#ledger.sent - this.#answeredAt >= ASK_AFTER;
  }

  /** Whether there is something new to ask about. Clients that count too little would otherwise be asked for ever. */
  get isDue(): boolean {
    return this.#askedAt === null && this.#ledger.isOwed && this.#ledger.sent > this.#answeredAt;
  }

  /**
   * Called from time to time; whether the question is to be put by itself. It is when for one time more nothing has been
   * sent that it could have gone along with: half of what a question costs is the `write` of its own.
   */
  tick(): boolean {
    const isWaiting = this.#isRiding;
    this.#ticks += 1;
    this.#isRiding = this.#ticks >= TICKS && this.isDue;
    return isWaiting && this.#isRiding;
  }

  /** The question has been put, and counted in the ledger if it is a stanza. */
  asked(): void {
    this.#isRiding = false;
    this.#ticks = 0;
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
