import { SluiceError, type Clock, type Logger } from "@sluice/core";
import { StoreLink } from "./store-link.ts";
import type { Change, DeadLetter, HeldLane, NumberedAttempt, Question, StoredHook } from "./store-messages.ts";

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

/** So long a group that nobody waits for is open for more: each costs a wait for the disk, and two switches of threads. */
const GROUP_MS = 10;
/** How soon a group that could not be stored is tried again. */
const AGAIN_MS = 1000;

/**
 * The hooks' own store, in a thread. Whatever was handed over while the last group was being stored is the next group:
 * one transaction, one wait for the disk. What somebody waits for goes at once; the rest waits a moment for more. A group
 * that can't be stored is tried again until it can, and while the thread is not there everything waits for it.
 */
export class HookStore {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #link: StoreLink;
  #next: Group = newGroup();
  #underWay: Group | null = null;
  #isSendingSoon = false;
  #isSendingLater = false;
  #isFailing = false;
  #isClosed = false;
  /** Told when the next lane is due; set by who waits for it. */
  onDue: (nextDueAtMs: number | null) => void = () => undefined;

  constructor(options: HookStoreOptions) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#link = new StoreLink({ ...options, onOpened: (nextDueAtMs) => this.onDue(nextDueAtMs) });
  }

  /** The hooks that are in it. @throws {StoreOpenError} */
  open(): Promise<readonly StoredHook[]> {
    return this.#link.opened();
  }

  /** Whether nothing can be stored now: what would make new results has to wait. */
  get isFailing(): boolean {
    return this.#isFailing || !this.#link.isUp;
  }

  /** Hands changes over; resolves when they are durable. @throws {SluiceError} `draining` */
  commit(...changes: readonly Change[]): Promise<void> {
    if (this.#isClosed) return Promise.reject(stopping());
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

  /** Waits for what was handed over, unless it can't be stored now; then lets go of the file. Idempotent. */
  async close(): Promise<void> {
    if (!this.#isClosed && !this.isFailing && (this.#underWay !== null || !isEmpty(this.#next))) {
      this.#next.isAwaited = true;
      this.#send();
      await (isEmpty(this.#next) ? this.#underWay : this.#next)?.done.promise.catch(() => undefined);
    }
    this.#isClosed = true;
    for (const group of [this.#underWay, this.#next]) group?.done.reject(stopping());
    await this.#link.close();
  }

  async #ask<Answer>(question: Question): Promise<Answer> {
    if (this.#isClosed) throw stopping();
    this.#send();
    try {
      const { answer, nextDueAtMs } = await this.#link.ask({ kind: "ask", question });
      this.onDue(nextDueAtMs);
      return answer as Answer;
    } catch (cause) {
      if (this.#isClosed) throw stopping();
      throw new SluiceError("log-unavailable", "The hooks can't be read now.", { cause });
    }
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
    this.#store(group);
  }

  #store(group: Group): void {
    this.#link.ask({ kind: "commit", changes: group.changes }).then(
      ({ nextDueAtMs }) => this.#stored(group, nextDueAtMs),
      (error: unknown) => this.#failed(group, error),
    );
  }

  #stored(group: Group, nextDueAtMs: number | null): void {
    this.#underWay = null;
    this.#isFailing = false;
    group.done.resolve();
    this.onDue(nextDueAtMs);
    if (this.#next.isAwaited) this.#send();
    else if (!isEmpty(this.#next)) this.#sendLater();
  }

  #failed(group: Group, error: unknown): void {
    if (this.#isClosed) return;
    if (!this.#isFailing) this.#logger.error({ err: error }, "results of hooks can't be stored; trying again");
    this.#isFailing = true;
    this.#clock.after(AGAIN_MS, () => {
      if (!this.#isClosed) this.#store(group);
    });
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

function stopping(): SluiceError {
  return new SluiceError("draining", "The gateway is stopping.");
}
