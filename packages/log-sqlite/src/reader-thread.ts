import { SluiceError, type StoredEvent } from "@sluice/core";
import type { FromReader, ToReader, Walk, Walked } from "./messages.ts";
import type { WorkerLink } from "./worker-link.ts";

/** What a walk brought back. */
export interface WalkResult {
  readonly walked: Walked;
  readonly events: readonly StoredEvent[];
}

interface Asked {
  readonly resolve: (result: WalkResult) => void;
  readonly reject: (reason: Error) => void;
}

/** Asks the reader thread, and gives the answers to whom they belong. */
export class ReaderThread {
  readonly #link: WorkerLink<ToReader, FromReader>;
  readonly #toEvents: (walked: Walked) => readonly StoredEvent[];
  readonly #asked = new Map<number, Asked>();
  #ticket = 0;
  #ended: Error | null = null;
  #whenIdle: (() => void) | null = null;

  constructor(link: WorkerLink<ToReader, FromReader>, toEvents: (walked: Walked) => readonly StoredEvent[]) {
    this.#link = link;
    this.#toEvents = toEvents;
  }

  /** @throws {SluiceError} `log-unavailable` if the file can't be read, or the log is closed */
  walk(walk: Walk): Promise<WalkResult> {
    if (this.#ended !== null) return Promise.reject(unreadable(this.#ended));
    this.#ticket += 1;
    const ticket = this.#ticket;
    return new Promise((resolve, reject) => {
      this.#asked.set(ticket, { resolve, reject });
      this.#link.send({ kind: "walk", ticket, walk });
    });
  }

  /** The thread said something. */
  receive(message: FromReader): void {
    if (message.kind !== "walked" && message.kind !== "failed") return;
    const asked = this.#asked.get(message.ticket);
    this.#asked.delete(message.ticket);
    if (message.kind === "failed") asked?.reject(unreadable(new Error(message.reason)));
    else asked?.resolve({ walked: message.walked, events: this.#toEvents(message.walked) });
    if (this.#asked.size === 0) this.#whenIdle?.();
  }

  /** The thread ended by itself. */
  fail(reason: Error): void {
    this.#ended ??= reason;
    for (const { reject } of this.#asked.values()) reject(unreadable(reason));
    this.#asked.clear();
    this.#whenIdle?.();
  }

  /** Answers what has been asked, then ends the thread. */
  async close(): Promise<void> {
    if (this.#ended === null) {
      this.#ended = new Error("the log is closed");
      if (this.#asked.size > 0) {
        await new Promise<void>((resolve) => {
          this.#whenIdle = resolve;
        });
      }
    }
    this.#link.expectEnd();
    this.#link.send({ kind: "close" });
    await this.#link.ended();
  }
}

function unreadable(cause: Error): SluiceError {
  return new SluiceError("log-unavailable", "The log can't be read now.", { retryAfterSeconds: 1, cause });
}
