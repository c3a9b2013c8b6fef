import { Worker } from "node:worker_threads";
import { SluiceError, type Clock, type Logger } from "@sluice/core";
import type {
  Change,
  DeadLetter,
  FromStore,
  HeldLane,
  NumberedAttempt,
  Question,
  StoredHook,
  StoreInit,
  ToStore,
} from "./store-messages.ts";
import { StoreOpenError } from "./store-schema.ts";

/** Options of {@link HookStore}. */
export interface HookStoreOptions {
  /** The file; `null`: in memory. */
  readonly path: string | null;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Group {
  readonly changes: Change[];
  /** Cursors by hook: only the last one of a group is written. */
  readonly cursors: Map<string, string>;
  /** Whether somebody waits until it is stored. */
  isAwaited: boolean;
  readonly done: PromiseWithResolvers<void>;
}

interface Asked {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** So long a group that nobody waits for is open for more: each costs a wait for the disk, and two switches of threads. */
const GROUP_MS = 10;
/** How soon a group that could not be stored is tried again. */
const AGAIN_MS = 1000;

/**
 * The hooks' own store, in a thread. Whatever was handed over while the last group was being stored is the next group:
 * one transaction, one wait for the disk. What somebody waits for goes at once; the rest waits a moment for more. A group that can't be stored is tried again until it can.
 */
export class HookStore {
  readonly #worker: Worker;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #asked = new Map<number, Asked>();
  readonly #exited: Promise<void>;
  #opened: PromiseWithResolvers<readonly StoredHook[]> | null = Promise.withResolvers<readonly StoredHook[]>();
  #next: Group = newGroup();
  #underWay: Group | null = null;
  #ticket = 0;
  #isSendingSoon = false;
  #isSendingLater = false;
  #isFailing = false;
  #isClosed = false;
  /** Why there is nothing to be had when it is closed. */
  #ended: SluiceError = new SluiceError("draining", "The gateway is stopping.");
  /** Told when the next lane is due; set by who waits for it. */
  onDue: (nextDueAtMs: number | null) => void = () => undefined;

  constructor(options: HookStoreOptions) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    // Built, this module and the worker's file lie side by side as .js; in the source tree as .ts.
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const init: StoreInit = { path: options.path };
    this.#worker = new Worker(new URL(`./hook-store-worker.${extension}`, import.meta.url), {
      workerData: init,
      name: "hook-store",
    });
    this.#worker.on("message", (message: FromStore) => this.#receive(message));
    this.#worker.on("error", (error: Error) => this.#crash(error));
    this.#exited = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        if (!this.#isClosed) this.#crash(new Error("the hooks' thread ended"));
        resolve();
      });
    });
  }

  /** The hooks that are in it; to be called once, first. @throws {StoreOpenError} */
  async open(): Promise<readonly StoredHook[]> {
    if (this.#opened === null) throw new Error("the store was opened before");
    return this.#opened.promise;
  }

  /** Whether nothing can be stored now: what would make new results has to wait. */
  get isFailing(): boolean {
    return this.#isFailing;
  }

  /** Hands changes over; resolves when they are durable. @throws {SluiceError} `draining`, `log-unavailable` */
  commit(...changes: readonly Change[]): Promise<void> {
    if (this.#isClosed) return Promise.reject(this.#ended);
    this.#next.changes.push(...changes);
    this.#next.isAwaited = true;
    this.#sendSoon();
    return this.#next.done.promise;
  }

  /** The same, for who does not wait. */
  note(change: Change): void {
    if (this.#isClosed) return;
    this.#next.changes.push(change);
    this.#sendLater();
  }

  /** Moves a hook's cursor. */
  moveCursor(hook: string, cursor: string): void {
    if (this.#isClosed) return;
    this.#next.cursors.set(hook, cursor);
    this.#sendLater();
  }

  /** Lanes that are due; whoever gets them is at them, until they are held, freed or deferred. */
  due(nowMs: number, limit: number): Promise<readonly HeldLane[]> {
    return this.#ask({ kind: "due", nowMs, limit });
  }

  oldest(hook: string): Promise<HeldLane | null> {
    return this.#ask({ kind: "oldest", hook });
  }

  attempts(hook: string, before: number | null, limit: number): Promise<readonly NumberedAttempt[]> {
    return this.#ask({ kind: "attempts", hook, before, limit });
  }

  dead(hook: string): Promise<readonly DeadLetter[]> {
    return this.#ask({ kind: "dead", hook });
  }

  /** Waits for what was handed over, then lets go of the file. Idempotent. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      if (!this.#isFailing && (this.#underWay !== null || !isEmpty(this.#next))) {
        this.#next.isAwaited = true;
        this.#send();
        await (isEmpty(this.#next) ? this.#underWay : this.#next)?.done.promise.catch(() => undefined);
      }
      this.#isClosed = true;
      this.#post({ kind: "close" });
    }
    await this.#exited;
  }

  async #ask<Answer>(question: Question): Promise<Answer> {
    if (this.#isClosed) throw this.#ended;
    this.#send();
    this.#ticket += 1;
    const ticket = this.#ticket;
    return new Promise<Answer>((resolve, reject) => {
      this.#asked.set(ticket, { resolve: resolve as (answer: unknown) => void, reject });
      this.#post({ kind: "ask", ticket, question });
    });
  }

  #sendSoon(): void {
    if (this.#underWay !== null || this.#isSendingSoon) return;
    this.#isSendingSoon = true;
    queueMicrotask(() => {
      this.#isSendingSoon = false;
      this.#send();
    });
  }

  #sendLater(): void {
    if (this.#isSendingLater) return;
    this.#isSendingLater = true;
    this.#clock.after(GROUP_MS, () => {
      this.#isSendingLater = false;
      this.#send();
    });
  }

  #send(): void {
    if (this.#underWay !== null || isEmpty(this.#next) || this.#isClosed) return;
    const group = this.#next;
    for (const [hook, cursor] of group.cursors) group.changes.push({ kind: "cursor", hook, cursor });
    this.#underWay = group;
    this.#next = newGroup();
    this.#ticket += 1;
    this.#post({ kind: "commit", ticket: this.#ticket, changes: this.#underWay.changes });
  }

  #receive(message: FromStore): void {
    switch (message.kind) {
      case "opened":
        this.#opened?.resolve(message.hooks);
        this.onDue(message.nextDueAtMs);
        return;
      case "refused":
        this.#isClosed = true;
        this.#opened?.reject(new StoreOpenError(message.reason));
        return;
      case "committed": {
        const group = this.#underWay;
        this.#underWay = null;
        this.#isFailing = false;
        group?.done.resolve();
        this.onDue(message.nextDueAtMs);
        if (this.#next.isAwaited) this.#send();
        else if (!isEmpty(this.#next)) this.#sendLater();
        return;
      }
      case "answered":
        this.#asked.get(message.ticket)?.resolve(message.answer);
        this.#asked.delete(message.ticket);
        this.onDue(message.nextDueAtMs);
        return;
      case "failed":
        this.#failed(message.ticket, message.reason);
    }
  }

  #failed(ticket: number, reason: string): void {
    const asked = this.#asked.get(ticket);
    this.#asked.delete(ticket);
    if (asked !== undefined) {
      asked.reject(new SluiceError("log-unavailable", "The hooks can't be read now.", { cause: new Error(reason) }));
      return;
    }
    if (!this.#isFailing) this.#logger.error({ reason }, "results of hooks can't be stored; trying again");
    this.#isFailing = true;
    const group = this.#underWay;
    this.#clock.after(AGAIN_MS, () => {
      if (group === null || this.#isClosed || this.#underWay !== group) return;
      this.#ticket += 1;
      this.#post({ kind: "commit", ticket: this.#ticket, changes: group.changes });
    });
  }

  #crash(error: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isFailing = true;
    this.#logger.error({ err: error }, "the hooks' store has ended: nothing is delivered until a restart");
    this.#opened?.reject(new StoreOpenError(error.message));
    this.#ended = new SluiceError("log-unavailable", "The hooks' store has ended.", { cause: error });
    for (const { reject } of this.#asked.values()) reject(this.#ended);
    this.#asked.clear();
    for (const group of [this.#underWay, this.#next]) group?.done.reject(this.#ended);
  }

  #post(message: ToStore): void {
    this.#worker.postMessage(message);
  }
}

function newGroup(): Group {
  const done = Promise.withResolvers<void>();
  // Most of those who hand over do not wait.
  done.promise.catch(() => undefined);
  return { changes: [], cursors: new Map(), isAwaited: false, done };
}

function isEmpty(group: Group): boolean {
  return group.changes.length === 0 && group.cursors.size === 0;
}
