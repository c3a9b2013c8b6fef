import type { Clock } from "@sluice/core";
import type { Ledger } from "./ledger.ts";

/** After an item the client is asked what it has got, when so many are out or so long has passed. */
const ASK_AFTER = 100;
const ASK_AFTER_MS = 1000;

/** Sees to it that a client is asked how far it has got: seldom, never twice at a time, and not for nothing. */
export class Inquiry {
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #put: () => void;
  /** What had been sent when the client was asked last; `null` unless it owes the answer. */
  #askedAt: number | null = null;
  #answeredAt = 0;
  #cancel: (() => void) | null = null;

  /** @param put asks the client */
  constructor(ledger: Ledger, clock: Clock, put: () => void) {
    this.#ledger = ledger;
    this.#clock = clock;
    this.#put = put;
  }

  /** Something has been sent that has to be acknowledged. */
  owe(): void {
    if (this.#askedAt !== null) return;
    if (this.#ledger.sent - this.#answeredAt >= ASK_AFTER) this.ask();
    else this.#cancel ??= this.#clock.after(ASK_AFTER_MS, () => this.ask());
  }

  /** Asks at once. */
  ask(): void {
    this.stop();
    this.#askedAt = this.#ledger.sent;
    this.#put();
  }

  /** The client has the first `number` stanzas. */
  answered(number: number): void {
    this.#ledger.acknowledge(number);
    const askedAt = this.#askedAt;
    if (askedAt === null) return;
    this.#askedAt = null;
    this.#answeredAt = askedAt;
    // Clients that count too little would otherwise be asked for ever.
    if (this.#ledger.sent > askedAt + 1 && this.#ledger.isOwed) this.owe();
  }

  /** What is asked from now on is another question: nothing is owed. */
  reset(): void {
    this.#askedAt = null;
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}
