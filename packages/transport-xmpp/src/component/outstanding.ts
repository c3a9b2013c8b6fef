import type { Clock } from "@sluice/core";

/** How much may be out, and when the other side is asked for it. */
export interface OutstandingLimits {
  /** When so many stanzas or bytes are out nothing more is to be sent. */
  readonly stanzas: number;
  readonly bytes: number;
  /** It is asked when so many stanzas or bytes are out, or after so long. */
  readonly askStanzas: number;
  readonly askBytes: number;
  readonly askMs: number;
}

interface Place {
  readonly stanzas: number;
  readonly bytes: number;
}

const START: Place = { stanzas: 0, bytes: 0 };

/** What was handed over and is not known to have arrived. The other side is asked in time, one question at a time. */
export class Outstanding {
  readonly #limits: OutstandingLimits;
  readonly #clock: Clock;
  readonly #ask: () => void;
  #sent: Place = START;
  #confirmed: Place = START;
  /** What had been sent when the question was asked that is open; `null` without one. */
  #asked: Place | null = null;
  #askedAtMs = 0;
  #cancel: (() => void) | null = null;

  /** @param ask asks a question, whose answer is to be told by {@link confirm} */
  constructor(limits: OutstandingLimits, clock: Clock, ask: () => void) {
    this.#limits = limits;
    this.#clock = clock;
    this.#ask = ask;
  }

  get isFull(): boolean {
    return this.isFullWith(0, 0);
  }

  /** Whether it will be when so much more has been sent. */
  isFullWith(stanzas: number, bytes: number): boolean {
    return this.#isBeyond(this.#limits.stanzas - stanzas, this.#limits.bytes - bytes);
  }

  /** Whether a question has been open for so long. */
  isOverdue(forMs: number): boolean {
    return this.#asked !== null && this.#clock.monotonic() - this.#askedAtMs >= forMs;
  }

  /** So many stanzas have just been sent, of so many bytes together. */
  add(stanzas: number, bytes: number): void {
    this.#sent = { stanzas: this.#sent.stanzas + stanzas, bytes: this.#sent.bytes + bytes };
    this.#plan();
  }

  /** Asks now, unless a question is open. */
  ask(): void {
    if (this.#asked !== null) return;
    this.stop();
    this.#asked = this.#sent;
    this.#askedAtMs = this.#clock.monotonic();
    this.#ask();
  }

  /** The question was answered: what was sent before it has arrived. Answers how many stanzas that are. */
  confirm(): number {
    this.#confirmed = this.#asked ?? this.#confirmed;
    this.#asked = null;
    if (this.#sent.stanzas > this.#confirmed.stanzas) this.#plan();
    return this.#confirmed.stanzas;
  }

  /** Asks no more by itself. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #plan(): void {
    if (this.#asked !== null) return;
    if (this.#isBeyond(this.#limits.askStanzas, this.#limits.askBytes)) this.ask();
    else this.#cancel ??= this.#clock.after(this.#limits.askMs, () => this.ask());
  }

  #isBeyond(stanzas: number, bytes: number): boolean {
    return this.#sent.stanzas - this.#confirmed.stanzas >= stanzas || this.#sent.bytes - this.#confirmed.bytes >= bytes;
  }
}
