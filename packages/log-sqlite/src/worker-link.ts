import { Worker } from "node:worker_threads";
import type { WorkerInit } from "./messages.ts";

/** What is told of a {@link WorkerLink}. */
export interface WorkerLinkHandlers<From> {
  readonly onMessage: (message: From) => void;
  /** The thread ended without having been asked to. Called once at the most. */
  readonly onCrash: (reason: Error) => void;
}

/** A worker thread, seen from the log. What it says while nobody listens is kept. */
export class WorkerLink<To, From> {
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  #handlers: WorkerLinkHandlers<From> | null = null;
  #unheard: From[] = [];
  #crash: Error | null = null;
  #isExpectedToEnd = false;

  constructor(init: WorkerInit) {
    // Built, this module and the worker's file lie side by side as .js; in the source tree as .ts.
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const url = new URL(`./log-sqlite-worker.${extension}`, import.meta.url);
    this.#worker = new Worker(url, { workerData: init, name: `log-sqlite-${init.role}` });
    this.#worker.on("message", (message: From) => {
      this.#unheard.push(message);
      this.#tell();
    });
    this.#worker.on("messageerror", (error: Error) => this.#crashWith(error));
    this.#worker.on("error", (error: Error) => this.#crashWith(error));
    this.#exited = new Promise((done) => {
      this.#worker.once("exit", (code) => {
        this.#crashWith(new Error(`the log's ${init.role} thread ended with ${code}`));
        done();
      });
    });
  }

  listen(handlers: WorkerLinkHandlers<From>): void {
    this.#handlers = handlers;
    this.#tell();
  }

  /** The next message. Rejects if the thread ends before it. */
  next(): Promise<From> {
    return new Promise((onMessage, onCrash) => {
      const once = (message: From): void => {
        this.#handlers = null;
        onMessage(message);
      };
      this.listen({ onMessage: once, onCrash });
    });
  }

  send(message: To): void {
    this.#worker.postMessage(message);
  }

  /** To be called before the thread is asked to end: its end is no crash then. */
  expectEnd(): void {
    this.#isExpectedToEnd = true;
  }

  /** Resolves when the thread has ended. */
  ended(): Promise<void> {
    return this.#exited;
  }

  /** Ends the thread, whatever it does. */
  async terminate(): Promise<void> {
    this.#isExpectedToEnd = true;
    await this.#worker.terminate();
  }

  #crashWith(reason: Error): void {
    if (this.#isExpectedToEnd || this.#crash !== null) return;
    this.#crash = reason;
    this.#tell();
  }

  #tell(): void {
    while (this.#handlers !== null && this.#unheard.length > 0) this.#handlers.onMessage(this.#unheard.shift() as From);
    if (this.#handlers === null || this.#crash === null || this.#isExpectedToEnd) return;
    this.#isExpectedToEnd = true;
    this.#handlers.onCrash(this.#crash);
  }
}
