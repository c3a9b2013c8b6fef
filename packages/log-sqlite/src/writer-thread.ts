import {
  newEpoch,
  SluiceError,
  type StoredEvent,
  type Appended,
  type Bounds,
  type Clock,
  type EventDraft,
  type Logger,
  type Retention,
} from "@sluice/core";
import { AppendQueue, waitingBytes, type AppendQueueLimits, type WaitingAppend } from "./append-queue.ts";
import { KeptThread, type Opened } from "./kept-thread.ts";
import type { LogLostError } from "./log-lost-error.ts";
import type { AppendedMessage, AppendMessage, Former, FromWriter, ToWriter, WorkerInit } from "./messages.ts";
import { placed } from "./placed.ts";
import { StoringTime } from "./storing-time.ts";

/** Seconds after which those are asked to come back whose events could not be taken. */
const RETRY_AFTER_SECONDS = 1;
/** A group that was under way when so many threads ended is stored no more: it may be what ended them. */
const MAX_ENDS = 2;

/** Options of {@link WriterThread}. */
export interface WriterThreadOptions {
  readonly folder: string;
  readonly retention: Retention;
  readonly deduplicationMs: number;
  readonly maxFileBytes: number | null;
  readonly maxLanes: number;
  readonly maxWaiting: AppendQueueLimits;
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  /** Events have become durable; called before their publishers are told. */
  readonly onStored: (batch: readonly StoredEvent[]) => void;
  /** The thread is given up: nothing more is stored. */
  readonly onLost: (error: LogLostError) => void;
}

/** Appends that are with the thread. */
interface UnderWay {
  readonly group: readonly WaitingAppend[];
  readonly message: AppendMessage;
  /** Threads that ended with it. */
  ends: number;
}

/**
 * Hands appends to the thread that writes, a group at a time, and gives its answers to whom they belong. What arrives
 * while one group is on its way to the disk is the next.
 *
 * A thread that takes the place of one that ended looks first what of the group under way is in the file: its publishers
 * are told that, and whatever is not there is stored then. What is appended meanwhile waits.
 */
export class WriterThread {
  readonly #options: WriterThreadOptions;
  readonly #thread: KeptThread<ToWriter, FromWriter>;
  readonly #queue: AppendQueue;
  readonly #stopTicking: () => void;
  #time: StoringTime;
  #retention: Retention;
  #epoch = "";
  #newest = 0;
  #trimmedThrough = 0;
  #underWay: UnderWay | null = null;
  #isSendingSoon = false;
  #isDiskFailing = false;
  #isClosing = false;
  #lost: LogLostError | null = null;
  #whenIdle: (() => void) | null = null;
  #lastTrouble = "";

  constructor(options: WriterThreadOptions) {
    const { clock, logger } = options;
    this.#options = options;
    this.#retention = options.retention;
    this.#queue = new AppendQueue(options.maxWaiting);
    this.#time = new StoringTime(clock, 0);
    this.#thread = new KeptThread<ToWriter, FromWriter>({
      clock,
      logger,
      init: () => this.#init(),
      onOpened: (message) => this.#opened(message),
      onMessage: (message) => this.#receive(message),
      onEnded: () => {
        if (this.#underWay !== null) this.#underWay.ends += 1;
      },
      onLost: (error) => this.#fail(error),
    });
    this.#stopTicking = clock.every(1000, () => this.#tick());
  }

  /**
   * Resolves when the file is open, to the log's epoch.
   * @throws {LogOpenError}
   */
  async opened(): Promise<string> {
    return (await this.#thread.opened()).epoch;
  }

  /** Whether the thread is there, and the last append did not fail since of the disk. */
  get isWritable(): boolean {
    return this.#thread.isUp && !this.#isDiskFailing;
  }

  get bounds(): Bounds {
    return { trimmedThrough: this.#trimmedThrough, newest: this.#newest };
  }

  /** How often the thread was started again. */
  get restarted(): number {
    return this.#thread.restarted;
  }

  /** See {@link EventLog.append}. The drafts must be storable. */
  append(drafts: readonly EventDraft[]): Promise<readonly Appended[]> {
    if (this.#isClosing) return Promise.reject(unavailable("The log is closed."));
    if (this.#lost !== null) return Promise.reject(unavailable("The log can't take events.", this.#lost));
    if (drafts.length === 0) return Promise.resolve([]);
    const bytes = waitingBytes(drafts);
    if (!this.#queue.hasRoomFor(drafts.length, bytes)) {
      return Promise.reject(unavailable("The log can't store events as fast as they come."));
    }
    return new Promise((resolve, reject) => {
      this.#queue.add({ drafts, bytes, resolve, reject });
      if (this.#underWay !== null || this.#isSendingSoon) return;
      // What is appended in the same turn goes along.
      this.#isSendingSoon = true;
      queueMicrotask(() => {
        this.#isSendingSoon = false;
        this.#send();
      });
    });
  }

  /** Other limits hold from now on. */
  retain(retention: Retention): void {
    this.#retention = retention;
    if (this.#thread.isUp) this.#thread.send({ kind: "retain", nowMs: this.#time.now(), retention });
  }

  /** Takes no more appends; resolves when those that wait are stored. */
  async finish(): Promise<void> {
    this.#isClosing = true;
    if (this.#underWay === null && this.#queue.isEmpty) return;
    await new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
    });
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    this.#stopTicking();
    await this.#thread.close();
  }

  #init(): WorkerInit {
    const { folder, deduplicationMs, maxFileBytes, maxLanes, clock } = this.#options;
    const former = this.#former();
    return {
      role: "writer",
      folder,
      newEpoch: newEpoch(clock.now(), clock.random()),
      // Of the group, so that whatever was a duplicate then is one now.
      nowMs: former === null ? clock.now() : former.group.nowMs,
      retention: this.#retention,
      deduplicationMs,
      maxFileBytes,
      maxLanes,
      former,
    };
  }

  #former(): Former | null {
    if (this.#epoch === "") return null;
    const { message, ends } = this.#underWay ?? { message: null, ends: 0 };
    const group = message ?? { kind: "append", nowMs: this.#time.now(), counts: [], fields: [] };
    return { epoch: this.#epoch, newest: this.#newest, group, mayStore: ends < MAX_ENDS };
  }

  #opened({ epoch, newest, trimmedThrough, storedAtMs, answer }: Opened<FromWriter>): void {
    this.#trimmedThrough = trimmedThrough;
    if (answer !== null) return this.#settle(answer);
    this.#epoch = epoch;
    this.#newest = newest;
    this.#time = new StoringTime(this.#options.clock, storedAtMs);
  }

  #receive(message: FromWriter): void {
    switch (message.kind) {
      case "appended":
        this.#settle(message);
        break;
      case "trimmed":
        this.#trimmedThrough = message.through;
        this.#lastTrouble = "";
        break;
      case "probed":
        this.#noteDisk(!message.isWritable, "");
        break;
      case "trouble":
        if (message.reason !== this.#lastTrouble) {
          this.#options.logger?.warn({ reason: message.reason }, "old events can't be trimmed; it is tried again");
        }
        this.#lastTrouble = message.reason;
        break;
      case "opened":
      case "refused":
        break;
    }
  }

  #send(): void {
    if (this.#underWay !== null || this.#queue.isEmpty || !this.#thread.isUp) return;
    const group = this.#queue.takeGroup();
    const counts: number[] = [];
    const fields: (string | null)[] = [];
    for (const { drafts } of group) {
      counts.push(drafts.length);
      for (const { topic, type, id, time, data, dataContentType } of drafts) {
        fields.push(topic, type, id, time, data, dataContentType);
      }
    }
    const message: AppendMessage = { kind: "append", nowMs: this.#time.now(), counts, fields };
    this.#underWay = { group, message, ends: 0 };
    this.#thread.send(message);
  }

  /** A group is on the disk: it is fanned out, then its publishers are told. */
  #settle(message: AppendedMessage): void {
    const group = this.#underWay?.group ?? [];
    this.#underWay = null;
    this.#queue.release(group);
    // The next group goes to the disk while this one is fanned out.
    this.#send();
    const { batch, outcomes } = placed(this.#epoch, group, message);
    if (batch.length > 0) this.#newest = (batch.at(-1) as StoredEvent).position;
    const failure = message.failures.at(-1);
    if (batch.length > 0 || failure !== undefined) this.#noteDisk(message.isDiskFailing, failure?.reason ?? "");
    if (batch.length > 0) this.#options.onStored(batch);
    const reasons = new Map(message.failures.map(({ index, reason }) => [index, reason]));
    for (const [index, { resolve, reject }] of group.entries()) {
      const reason = reasons.get(index);
      if (reason === undefined) resolve(outcomes[index] as readonly Appended[]);
      else reject(unavailable("The log can't take events now.", new Error(reason)));
    }
    if (this.#underWay === null) this.#whenIdle?.();
  }

  /** Nothing more is stored. What waits was not; of what is under way nobody can know. */
  #fail(error: LogLostError): void {
    this.#lost = error;
    // First: where the process ends with it, nobody is told anything in between.
    this.#options.onLost(error);
    const doubt = unavailable("Whether the log has taken the events is not known: publish them again.", error);
    for (const { reject } of this.#underWay?.group ?? []) reject(doubt);
    while (!this.#queue.isEmpty) {
      for (const { reject } of this.#queue.takeGroup()) reject(unavailable("The log can't take events.", error));
    }
    this.#underWay = null;
    this.#whenIdle?.();
  }

  #tick(): void {
    if (!this.#thread.isUp) return;
    this.#thread.send({ kind: "tick", nowMs: this.#time.now() });
    if (this.#isDiskFailing) this.#thread.send({ kind: "probe" });
  }

  #noteDisk(isFailing: boolean, reason: string): void {
    if (isFailing === this.#isDiskFailing) return;
    this.#isDiskFailing = isFailing;
    const { logger } = this.#options;
    const text = "the log can't store events: a full or failing disk, as a rule; it is tried again every second";
    if (isFailing) logger?.error({ reason }, text);
    else logger?.info({}, "the log stores events again");
  }
}

function unavailable(detail: string, cause?: Error): SluiceError {
  return new SluiceError("log-unavailable", detail, { retryAfterSeconds: RETRY_AFTER_SECONDS, cause });
}
