import { SluiceError, type StoredEvent } from "@sluice/core";
import type { FromReader, ToReader, Walk, Walked } from "./messages.ts";
import type { WorkerLink } from "./worker-link.ts";

/** What a walk brought back. */
export interface WalkResult {
  readonly walked: Walked;
  readonly events: readonly StoredEvent[];
}

/** Walks that are with the thread at a time: enough to keep it busy, few enough that their pages are small in memory. */
const MAX_UNDER_WAY = 16;

interface Asked {
  readonly walk: Walk;
  readonly key: string;
  readonly resolve: (result: WalkResult) => void;
  readonly reject: (reason: Error) => void;
}

/** Asks the reader thread, and gives the answers to whom they belong. Those who ask the same at the same time share one answer. */
export class ReaderThread {
  readonly #link: WorkerLink<ToReader, FromReader>;
  readonly #toEvents: (walked: Walked) => readonly StoredEvent[];
  readonly #shared = new Map<string, Promise<WalkResult>>();
  readonly #waiting: Asked[] = [];
  readonly #underWay = new Map<number, Asked>();
  #ticket = 0;
  #ended: Error | null = null;
  #whenIdle: (() => void) | null = null;

  constructor(link: WorkerLink<ToReader, FromReader>, toEvents: (walked: Walked) => readonly StoredEvent[]) {
    this.#link = link;
    this.#toEvents = toEvents;
  }

  /**
   * Walks through the log, which has come to `newest` as far as the asker knows: the answer is of then or later.
   * @throws {SluiceError} `log-unavailable` if the file can't be read, or the log is closed
   */
  walk(walk: Walk, newest: number): Promise<WalkResult> {
    if (this.#ended !== null) return Promise.reject(unreadable(this.#ended));
    // After a restart or a cut, thousands come back to the same place.
    const key = `${newest} ${walk.isForward} ${walk.from} ${walk.limit} ${walk.limitBytes} ${walk.interest.key}`;
    let shared = this.#shared.get(key);
    if (shared === undefined) {
      shared = new Promise((resolve, reject) => {
        this.#waiting.push({ walk, key, resolve, reject });
      });
      this.#shared.set(key, shared);
      this.#send();
    }
    return shared;
  }

  /** The thread said something. */
  receive(message: FromReader): void {
    if (message.kind !== "walked" && message.kind !== "failed") return;
    const asked = this.#underWay.get(message.ticket);
    if (asked === undefined) return;
    this.#underWay.delete(message.ticket);
    this.#shared.delete(asked.key);
    this.#send();
    if (message.kind === "failed") asked.reject(unreadable(new Error(message.reason)));
    else asked.resolve({ walked: message.walked, events: this.#toEvents(message.walked) });
    if (this.#underWay.size === 0) this.#whenIdle?.();
  }

  /** The thread ended by itself. */
  fail(reason: Error): void {
    this.#ended ??= reason;
    for (const { reject } of [...this.#underWay.values(), ...this.#waiting]) reject(unreadable(reason));
    this.#underWay.clear();
    this.#waiting.length = 0;
    this.#shared.clear();
    this.#whenIdle?.();
  }

  /** Answers what has been asked, then ends the thread. */
  async close(): Promise<void> {
    if (this.#ended === null) {
      this.#ended = new Error("the log is closed");
      if (this.#underWay.size > 0) {
        await new Promise<void>((resolve) => {
          this.#whenIdle = resolve;
        });
      }
    }
    this.#link.expectEnd();
    this.#link.send({ kind: "close" });
    await this.#link.ended();
  }

  #send(): void {
    while (this.#underWay.size < MAX_UNDER_WAY) {
      const asked = this.#waiting.shift();
      if (asked === undefined) return;
      this.#ticket += 1;
      this.#underWay.set(this.#ticket, asked);
      this.#link.send({ kind: "walk", ticket: this.#ticket, walk: asked.walk });
    }
  }
}

function unreadable(cause: Error): SluiceError {
  return new SluiceError("log-unavailable", "The log can't be read now.", { retryAfterSeconds: 1, cause });
}
