import { Worker } from "node:worker_threads";
import { Restarts, type Clock, type Logger } from "@sluice/core";
import { LogLostError } from "./log-lost-error.ts";
import { LogOpenError } from "./log-open-error.ts";
import type { WorkerInit } from "./messages.ts";

/** What a thread says whatever its work is: that it can begin, or that it can't. */
type First = { readonly kind: "opened" } | { readonly kind: "refused"; readonly reason: string };

/** The message by which a thread says that it can begin. */
export type Opened<From> = Extract<From, { kind: "opened" }>;

/** Options of {@link KeptThread}. */
export interface KeptThreadOptions<From> {
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  /** What a thread that starts now has to know. */
  readonly init: () => WorkerInit;
  /** It can begin, for the first time or again. */
  readonly onOpened: (message: Opened<From>) => void;
  /** It says something else. All that it said before it ended is told before its end. */
  readonly onMessage: (message: From) => void;
  /** It has ended by itself, and will be started again. */
  readonly onEnded: (reason: Error) => void;
  /** It has ended too often: it is started no more. */
  readonly onLost: (error: LogLostError) => void;
}

/** Restarts in a row, spread over six seconds, before the thread is given up. */
const MAX_RESTARTS = 6;

/**
 * A worker thread of the log. One that ends by itself is started again, up to six times in a row; what it has not
 * answered is the business of who asked.
 *
 * ```
 *              "opened"            ends
 *   starting ───────────► up ─────────────► waiting to be started ──► starting
 *      │ ends, the first time                │ too often
 *      ▼                                     ▼
 *   opened() rejects                        lost
 * ```
 */
export class KeptThread<To, From extends { readonly kind: string }> {
  readonly #options: KeptThreadOptions<From>;
  readonly #restarts: Restarts;
  readonly #opened = Promise.withResolvers<Opened<From>>();
  #worker: Worker;
  #exited: Promise<void> = Promise.resolve();
  #hasOpened = false;
  #isUp = false;
  #isOver = false;
  #restarted = 0;

  constructor(options: KeptThreadOptions<From>) {
    this.#options = options;
    this.#restarts = new Restarts(options.clock);
    // Who opens a log waits for one thread after the other.
    this.#opened.promise.catch(() => undefined);
    this.#worker = this.#start();
  }

  /**
   * Its first message, when it has begun for the first time.
   * @throws {LogOpenError} if it can't
   */
  opened(): Promise<Opened<From>> {
    return this.#opened.promise;
  }

  /** Whether it has begun, and runs. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** How often it was started again. */
  get restarted(): number {
    return this.#restarted;
  }

  /** Tells the thread something; nobody hears it while there is none. */
  send(message: To | { readonly kind: "close" }): void {
    this.#worker.postMessage(message);
  }

  /**
   * Ends the thread, when it has done what it was told before. It ends itself: one that is ended from outside while it
   * loads can take the process along.
   */
  async close(): Promise<void> {
    this.#isOver = true;
    this.send({ kind: "close" });
    await this.#exited;
  }

  #start(): Worker {
    const init = this.#options.init();
    // Built, this module and the worker's file lie side by side as .js; in the source tree as .ts.
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const worker = new Worker(new URL(`./log-sqlite-worker.${extension}`, import.meta.url), {
      workerData: init,
      name: `log-sqlite-${init.role}`,
    });
    let reason: Error | null = null;
    this.#restarts.started();
    worker.on("message", (message: From & First) => {
      if (message.kind === "refused") reason = new LogOpenError(`${message.reason}.`);
      else this.#receive(init.role, message);
    });
    worker.on("messageerror", (error: Error) => {
      reason = error;
      void worker.terminate();
    });
    worker.on("error", (error: Error) => {
      reason = error;
    });
    this.#exited = new Promise((exited) => {
      worker.once("exit", (code) => {
        this.#isUp = false;
        exited();
        if (!this.#isOver) this.#end(init.role, reason ?? new Error(`it ended with code ${code}`));
      });
    });
    return worker;
  }

  #receive(role: WorkerInit["role"], message: From): void {
    if (message.kind !== "opened") return this.#options.onMessage(message);
    this.#isUp = true;
    if (this.#hasOpened) this.#options.logger?.info({ thread: role }, "a thread of the log is there again");
    this.#hasOpened = true;
    this.#options.onOpened(message as Opened<From>);
    this.#opened.resolve(message as Opened<From>);
  }

  #end(role: WorkerInit["role"], reason: Error): void {
    const { clock, logger, onEnded, onLost } = this.#options;
    if (!this.#hasOpened) {
      this.#isOver = true;
      const error = new LogOpenError(`The log can't be opened: ${reason.message}.`, { cause: reason });
      this.#opened.reject(reason instanceof LogOpenError ? reason : error);
      return;
    }
    const againMs = this.#restarts.ended();
    if (this.#restarts.inARow > MAX_RESTARTS) {
      this.#isOver = true;
      onLost(new LogLostError(lostMessage(role, this.#restarts.inARow, reason), { cause: reason }));
      return;
    }
    const fields = { thread: role, reason: reason.message, restart_in_ms: againMs };
    logger?.error(fields, "a thread of the log has ended; it is started again");
    onEnded(reason);
    clock.after(againMs, () => {
      if (this.#isOver) return;
      this.#restarted += 1;
      this.#worker = this.#start();
    });
  }
}

function lostMessage(role: WorkerInit["role"], times: number, reason: Error): string {
  const last = reason.message.replaceAll(/\s+/gu, " ").replace(/\.$/u, "");
  return `The log can't be kept going: its ${role} thread ended ${times} times in a row, the last time since: ${last}.`;
}
