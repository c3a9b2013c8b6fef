import { GIVE_UP_MS } from "./until.ts";

/** A gap as a reader was told of it. */
export interface GapNote {
  readonly after: string;
  readonly resumed_at: string;
  readonly reason: string;
  /** How many events the reader had when it was told. */
  readonly before: number;
}

/** How a reader's connection ended. */
export interface End {
  /**
   * WebSocket close code, HTTP status of a refusal, condition of an XMPP stream's error, `complete` for a whole body,
   * `cut` for a broken one, `left` for a reader that went.
   */
  readonly how: number | string;
  readonly detail: string;
}

/** What one reader has received; grows by and by, and wakes those who wait for it. */
export class Inbox {
  /** The events' JSON, exactly as received. */
  readonly events: string[] = [];
  readonly gaps: GapNote[] = [];
  /** The newest cursor that the gateway gave: where this reader would go on. */
  cursor: string | null = null;
  end: End | null = null;
  readonly #waiting = new Set<() => void>();

  /** Something has come: those who wait look again. */
  changed(): void {
    for (const look of this.#waiting) look();
  }

  /** Resolves when something has come, or the reader has ended. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      if (this.end !== null) return resolve();
      const look = (): void => {
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
  }

  /** Takes note of a gap. */
  gap(gap: { readonly after: string; readonly resumed_at: string; readonly reason: string }): void {
    const { after, resumed_at, reason } = gap;
    this.gaps.push({ after, resumed_at, reason, before: this.events.length });
  }

  /** The first end counts. */
  ended(end: End): void {
    this.end ??= end;
    this.changed();
  }

  /**
   * Resolves when the condition holds.
   * @throws {Error} when the reader ends before, or nothing comes of it
   */
  until(what: string, condition: () => boolean, giveUpMs: number = GIVE_UP_MS): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        stop();
        const { events, gaps, cursor } = this;
        reject(
          new Error(
            `${why} while waiting for ${what}; so far ${events.length} events, ${gaps.length} gaps, at ${cursor}`,
          ),
        );
      };
      const look = (): void => {
        if (condition()) {
          stop();
          resolve();
        } else if (this.end !== null) fail(`Ended (${this.end.how} ${this.end.detail})`);
      };
      const timer = setTimeout(() => fail("Nothing more came"), giveUpMs);
      const stop = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** The first `count` events, as soon as they are there. */
  async take(count: number): Promise<readonly string[]> {
    await this.until(`${count} events`, () => this.events.length >= count);
    return this.events.slice(0, count);
  }

  /** How the connection ended, as soon as it has. */
  async untilEnd(): Promise<End> {
    await this.until("the end", () => this.end !== null);
    return this.end as End;
  }
}
