import { randomUUID } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { Restarts, SluiceError, type Clock, type Logger } from "@sluice/core";
import type { FromStore, StoreRequest, StoredHook, StoreInit, ToStore } from "./store-messages.ts";
import { StoreOpenError } from "./store-schema.ts";

/** Options of {@link StoreLink}. */
export interface StoreLinkOptions {
  /** The file; `null`: in memory. */
  readonly path: string | null;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The thread is there, for the first time or again. */
  readonly onOpened: (nextDueAtMs: number | null) => void;
}

/** What the thread says to a request. */
export type StoreAnswer = Extract<FromStore, { kind: "answered" }>;

interface Unanswered {
  readonly message: ToStore & StoreRequest;
  readonly resolve: (answer: StoreAnswer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The way to the store's thread. A thread that ends by itself is started again, and asked again, in the same order, what
 * it has not answered: perhaps it has done it, so whatever is asked twice must come to the same as if it was asked once.
 * What is kept in memory is kept by who started the thread, and outlives it too.
 */
export class StoreLink {
  readonly #options: StoreLinkOptions;
  readonly #restarts: Restarts;
  readonly #opened = Promise.withResolvers<readonly StoredHook[]>();
  readonly #unanswered = new Map<number, Unanswered>();
  readonly #location: string;
  /** As long as somebody has a database in memory open, it is there. */
  readonly #keeper: DatabaseSync | null;
  #worker: Worker;
  #exited: Promise<void> = Promise.resolve();
  #hasOpened = false;
  #isUp = false;
  #isClosed = false;
  #ticket = 0;

  constructor(options: StoreLinkOptions) {
    this.#options = options;
    this.#restarts = new Restarts(options.clock);
    this.#location = options.path ?? `file:/${randomUUID()}?vfs=memdb`;
    this.#keeper = options.path === null ? new DatabaseSync(this.#location) : null;
    this.#worker = this.#start(null);
  }

  /** The hooks that were in the store when it was opened first. @throws {StoreOpenError} */
  opened(): Promise<readonly StoredHook[]> {
    return this.#opened.promise;
  }

  /** Whether the thread is there. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Asks the thread, and waits for one that can answer. @throws {Error} what the thread failed with, or `draining` */
  ask(request: StoreRequest): Promise<StoreAnswer> {
    if (this.#isClosed) return Promise.reject(stopping());
    this.#ticket += 1;
    const message = { ticket: this.#ticket, ...request };
    return new Promise((resolve, reject) => {
      this.#unanswered.set(message.ticket, { message, resolve, reject });
      if (this.#isUp) this.#post(message);
    });
  }

  /** Ends the thread when it has answered everything; without one, nothing is answered any more. Idempotent. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#post({ kind: "close" });
    }
    await this.#exited;
    this.#isUp = false;
    if (this.#keeper?.isOpen === true) this.#keeper.close();
    for (const { reject } of this.#unanswered.values()) reject(stopping());
    this.#unanswered.clear();
  }

  /** `lost`: tickets of what the thread before this one has not answered. */
  #start(lost: readonly number[] | null): Worker {
    // Built, this module and the worker's file lie side by side as .js; in the source tree as .ts.
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const init: StoreInit = { location: this.#location, isInMemory: this.#keeper !== null, lost };
    const worker = new Worker(new URL(`./hook-store-worker.${extension}`, import.meta.url), {
      workerData: init,
      name: "hook-store",
    });
    let reason: unknown;
    this.#restarts.started();
    worker.on("message", (message: FromStore) => {
      if (message.kind === "refused") reason = new StoreOpenError(message.reason);
      else this.#receive(message);
    });
    worker.on("error", (error) => {
      reason = error;
    });
    this.#exited = new Promise((resolve) => {
      worker.once("exit", (code) => {
        if (!this.#isClosed) this.#crash(reason ?? new Error(`the thread ended with ${code}`));
        resolve();
      });
    });
    return worker;
  }

  #receive(message: Exclude<FromStore, { kind: "refused" }>): void {
    if (message.kind === "opened") {
      this.#hasOpened = true;
      this.#isUp = true;
      for (const { message: again } of this.#unanswered.values()) this.#post(again);
      this.#opened.resolve(message.hooks);
      this.#options.onOpened(message.nextDueAtMs);
      return;
    }
    const asked = this.#unanswered.get(message.ticket);
    this.#unanswered.delete(message.ticket);
    if (message.kind === "answered") asked?.resolve(message);
    else asked?.reject(new Error(message.reason));
  }

  #crash(error: unknown): void {
    this.#isUp = false;
    if (!this.#hasOpened) {
      this.#isClosed = true;
      this.#opened.reject(
        error instanceof StoreOpenError
          ? error
          : new StoreOpenError("The thread that stores hooks can't begin.", { cause: error }),
      );
      return;
    }
    const { clock, logger } = this.#options;
    const againMs = this.#restarts.ended();
    logger.error({ err: error, againMs }, "the thread that stores hooks has ended; it is started again");
    clock.after(againMs, () => {
      if (!this.#isClosed) this.#worker = this.#start([...this.#unanswered.keys()]);
    });
  }

  #post(message: ToStore): void {
    this.#worker.postMessage(message);
  }
}

function stopping(): SluiceError {
  return new SluiceError("draining", "The gateway is stopping.");
}
