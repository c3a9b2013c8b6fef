import { SluiceError, StoredEvent } from "@sluice/core";
import { KeptThread, type KeptThreadOptions } from "./kept-thread.ts";
import type { LogLostError } from "./log-lost-error.ts";
import { FIELDS_PER_EVENT, type FromReader, type ToReader, type Walk, type Walked } from "./messages.ts";

/** What a walk brought back. */
export interface WalkResult {
  readonly walked: Walked;
  readonly events: readonly StoredEvent[];
}

/** Walks that are with the thread at a time: enough to keep it busy, few enough that their pages are small in memory. */
const MAX_UNDER_WAY = 16;

/** A walk that was under way when so many threads ended is given up: it may be what ended them. */
const MAX_ENDS = 2;

/** Options of {@link ReaderThread}. */
export interface ReaderThreadOptions extends Pick<KeptThreadOptions<FromReader>, "clock" | "logger"> {
  readonly folder: string;
  /** The thread is given up: nothing more is read. */
  readonly onLost: (error: LogLostError) => void;
}

interface Asked {
  readonly walk: Walk;
  readonly key: string;
  readonly resolve: (result: WalkResult) => void;
  readonly reject: (reason: Error) => void;
  /** Threads that ended with it. */
  ends: number;
}

/**
 * Asks the thread that reads, and gives the answers to whom they belong. Those who ask the same at the same time share
 * one answer. What a thread that ended has not answered, the next one is asked.
 */
export class ReaderThread {
  readonly #thread: KeptThread<ToReader, FromReader>;
  readonly #shared = new Map<string, Promise<WalkResult>>();
  readonly #waiting: Asked[] = [];
  readonly #underWay = new Map<number, Asked>();
  #epoch: string | null = null;
  #ticket = 0;
  #ended: Error | null = null;
  #whenIdle: (() => void) | null = null;

  constructor({ folder, clock, logger, onLost }: ReaderThreadOptions) {
    this.#thread = new KeptThread<ToReader, FromReader>({
      clock,
      logger,
      init: () => ({ role: "reader", folder, epoch: this.#epoch }),
      onOpened: () => this.#send(),
      onMessage: (message) => this.#receive(message),
      onEnded: (reason) => this.#askAgain(reason),
      onLost: (error) => {
        onLost(error);
        this.#fail(error);
      },
    });
  }

  /**
   * Opens the file, which is there by now.
   * @throws {LogOpenError}
   */
  async open(epoch: string): Promise<void> {
    this.#epoch = epoch;
    this.#thread.send({ kind: "open", epoch });
    await this.#thread.opened();
  }

  /** Whether the thread is there. */
  get isUp(): boolean {
    return this.#thread.isUp;
  }

  /** How often the thread was started again. */
  get restarted(): number {
    return this.#thread.restarted;
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
        this.#waiting.push({ walk, key, resolve, reject, ends: 0 });
      });
      this.#shared.set(key, shared);
      this.#send();
    }
    return shared;
  }

  /** Answers what has been asked, then ends the thread. */
  async close(): Promise<void> {
    this.#ended ??= new Error("the log is closed");
    if (this.#underWay.size > 0 || this.#waiting.length > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    await this.#thread.close();
  }

  #send(): void {
    while (this.#thread.isUp && this.#underWay.size < MAX_UNDER_WAY) {
      const asked = this.#waiting.shift();
      if (asked === undefined) break;
      this.#ticket += 1;
      this.#underWay.set(this.#ticket, asked);
      this.#thread.send({ kind: "walk", ticket: this.#ticket, walk: asked.walk });
    }
    if (this.#underWay.size === 0 && this.#waiting.length === 0) this.#whenIdle?.();
  }

  #receive(message: FromReader): void {
    if (message.kind !== "walked" && message.kind !== "failed") return;
    const asked = this.#underWay.get(message.ticket);
    if (asked === undefined) return;
    this.#underWay.delete(message.ticket);
    this.#shared.delete(asked.key);
    this.#send();
    if (message.kind === "failed") asked.reject(unreadable(new Error(message.reason)));
    else asked.resolve({ walked: message.walked, events: eventsOf(this.#epoch ?? "", message.walked) });
  }

  /** The thread has ended: the next one gets what it had under way before all else. */
  #askAgain(reason: Error): void {
    const underWay = [...this.#underWay.values()];
    this.#underWay.clear();
    for (const asked of underWay.toReversed()) {
      asked.ends += 1;
      if (asked.ends < MAX_ENDS) this.#waiting.unshift(asked);
      else this.#giveUp(asked, reason);
    }
    this.#send();
  }

  #fail(reason: Error): void {
    this.#ended ??= reason;
    const asked = [...this.#underWay.values(), ...this.#waiting.splice(0)];
    this.#underWay.clear();
    for (const each of asked) this.#giveUp(each, reason);
    this.#send();
  }

  #giveUp(asked: Asked, reason: Error): void {
    this.#shared.delete(asked.key);
    asked.reject(unreadable(reason));
  }
}

/** Events from what the reader found, in its order. */
function eventsOf(epoch: string, { positions, fields }: Walked): readonly StoredEvent[] {
  return positions.map((position, index) => {
    const at = index * FIELDS_PER_EVENT;
    return new StoredEvent({
      epoch,
      position,
      topic: fields[at] as string,
      type: fields[at + 1] as string,
      id: fields[at + 2] as string,
      time: fields[at + 3] as string,
      data: fields[at + 4] as string,
      dataContentType: fields[at + 5] as string | null,
    });
  });
}

function unreadable(cause: Error): SluiceError {
  return new SluiceError("log-unavailable", "The log can't be read now.", { retryAfterSeconds: 1, cause });
}
