import {
  SluiceError,
  StoredEvent,
  type Appended,
  type Bounds,
  type EventDraft,
  type EventLog,
  type Interest,
  type Logger,
  type Page,
  type ReadQuery,
  type Retention,
} from "@sluice/core";
import { AppendQueue, waitingBytes, type AppendQueueLimits, type WaitingAppend } from "./append-queue.ts";
import { FIELDS_PER_EVENT, type AppendedMessage, type FromWriter, type ToWriter, type Walked } from "./messages.ts";
import type { ReaderThread } from "./reader-thread.ts";
import type { StoringTime } from "./storing-time.ts";
import type { WorkerLink } from "./worker-link.ts";

/** Seconds after which those are asked to come back whose events could not be taken. */
const RETRY_AFTER_SECONDS = 1;

/** What a {@link SqliteLog} is made of; see `openSqliteLog`. */
export interface SqliteLogParts {
  readonly epoch: string;
  readonly bounds: Bounds;
  readonly writer: WorkerLink<ToWriter, FromWriter>;
  readonly reader: ReaderThread;
  readonly time: StoringTime;
  readonly maxWaiting: AppendQueueLimits;
  readonly logger: Logger | undefined;
  /** Runs the task every second; the answer ends that. */
  readonly everySecond: (task: () => void) => () => void;
}

/**
 * The durable log: SQLite in two worker threads, one that writes and one that reads. Made by `openSqliteLog`.
 *
 * Appends are stored in groups: what arrives while one group is on its way to the disk is the next. Positions rise by
 * one from 1 on, without holes. The events keep their drafts' `receivedAtMs`.
 */
export class SqliteLog implements EventLog {
  readonly epoch: string;
  readonly #writer: WorkerLink<ToWriter, FromWriter>;
  readonly #reader: ReaderThread;
  readonly #time: StoringTime;
  readonly #logger: Logger | undefined;
  readonly #queue: AppendQueue;
  readonly #listeners = new Set<(batch: readonly StoredEvent[]) => void>();
  readonly #stopTicking: () => void;
  #underWay: readonly WaitingAppend[] | null = null;
  #isSendingSoon = false;
  #newest: number;
  #trimmedThrough: number;
  #isDiskFailing = false;
  #crash: Error | null = null;
  #closing: Promise<void> | null = null;
  #whenIdle: (() => void) | null = null;
  #lastTrouble = "";

  constructor(parts: SqliteLogParts) {
    this.epoch = parts.epoch;
    this.#newest = parts.bounds.newest;
    this.#trimmedThrough = parts.bounds.trimmedThrough;
    this.#writer = parts.writer;
    this.#reader = parts.reader;
    this.#time = parts.time;
    this.#logger = parts.logger;
    this.#queue = new AppendQueue(parts.maxWaiting);
    this.#stopTicking = parts.everySecond(() => this.#tick());
  }

  get isWritable(): boolean {
    return this.#closing === null && this.#crash === null && !this.#isDiskFailing;
  }

  append(drafts: readonly EventDraft[]): Promise<readonly Appended[]> {
    if (this.#closing !== null) return Promise.reject(unavailable("The log is closed."));
    if (this.#crash !== null) return Promise.reject(unavailable("The log can't take events.", this.#crash));
    if (drafts.length === 0) return Promise.resolve([]);
    const index = drafts.findIndex((draft) => !isStorable(draft));
    if (index >= 0) {
      return Promise.reject(
        new SluiceError("invalid-event", "The event holds text that is not valid Unicode.", { index }),
      );
    }
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

  async read({ interest, after, limit, limitBytes }: ReadQuery): Promise<Page> {
    const walk = { interest, isForward: true, from: after, limit, limitBytes };
    const { events, walked } = await this.#reader.walk(walk, this.#newest);
    const gapUntil = walked.hasGap ? walked.trimmedThrough : null;
    return { events, position: walked.reached, isCaughtUp: walked.isEnd, gapUntil };
  }

  async readLast(interest: Interest, count: number, upTo: number): Promise<Page> {
    const newestFirst: StoredEvent[] = [];
    let from = upTo + 1;
    let isEnd = false;
    while (newestFirst.length < count && !isEnd) {
      const limit = count - newestFirst.length;
      const walk = { interest, isForward: false, from, limit, limitBytes: Number.POSITIVE_INFINITY };
      // Each page begins where the one before it ended.
      // oxlint-disable-next-line no-await-in-loop
      const { events, walked } = await this.#reader.walk(walk, this.#newest);
      newestFirst.push(...events);
      from = walked.reached;
      isEnd = walked.isEnd;
    }
    return { events: newestFirst.toReversed(), position: upTo, isCaughtUp: upTo >= this.#newest, gapUntil: null };
  }

  tail(listener: (batch: readonly StoredEvent[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  bounds(): Bounds {
    return { trimmedThrough: this.#trimmedThrough, newest: this.#newest };
  }

  setRetention(retention: Retention): void {
    if (this.#closing === null && this.#crash === null) {
      this.#writer.send({ kind: "retain", nowMs: this.#time.now(), retention });
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The writer said something. */
  receive(message: FromWriter): void {
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
          this.#logger?.warn({ task: message.task, reason: message.reason }, "the log has trouble");
        }
        this.#lastTrouble = message.reason;
        break;
      case "opened":
      case "refused":
        break;
    }
  }

  /** A thread ended by itself: nothing more is stored, nothing that waits is answered. */
  fail(reason: Error): void {
    if (this.#crash !== null) return;
    this.#crash = reason;
    this.#logger?.error({ err: reason }, "a thread of the log has ended; the log takes no more events until a restart");
    const waiting = [...(this.#underWay ?? [])];
    while (!this.#queue.isEmpty) waiting.push(...this.#queue.takeGroup());
    this.#underWay = null;
    this.#queue.release(waiting);
    for (const append of waiting) append.reject(unavailable("The log can't take events.", reason));
    this.#whenIdle?.();
  }

  #send(): void {
    if (this.#underWay !== null || this.#queue.isEmpty || this.#crash !== null) return;
    const group = this.#queue.takeGroup();
    const counts: number[] = [];
    const fields: (string | null)[] = [];
    for (const { drafts } of group) {
      counts.push(drafts.length);
      for (const { topic, type, id, time, data, dataContentType } of drafts) {
        fields.push(topic, type, id, time, data, dataContentType);
      }
    }
    this.#underWay = group;
    this.#writer.send({ kind: "append", nowMs: this.#time.now(), counts, fields });
  }

  /** A group is on the disk: it is fanned out, then its publishers are told. */
  #settle(message: AppendedMessage): void {
    const group = this.#underWay ?? [];
    this.#underWay = null;
    this.#queue.release(group);
    // The next group goes to the disk while this one is fanned out.
    this.#send();
    const { batch, outcomes } = placed(this.epoch, group, message);
    if (batch.length > 0) this.#newest = (batch.at(-1) as StoredEvent).position;
    const failure = message.failures.at(-1);
    if (batch.length > 0 || failure !== undefined) this.#noteDisk(message.isDiskFailing, failure?.reason ?? "");
    if (batch.length > 0) this.#fanOut(batch);
    const reasons = new Map(message.failures.map(({ index, reason }) => [index, reason]));
    for (const [index, { resolve, reject }] of group.entries()) {
      const reason = reasons.get(index);
      if (reason === undefined) resolve(outcomes[index] as readonly Appended[]);
      else reject(unavailable("The log can't take events now.", new Error(reason)));
    }
    if (this.#underWay === null) this.#whenIdle?.();
  }

  #fanOut(batch: readonly StoredEvent[]): void {
    for (const listener of this.#listeners) {
      try {
        listener(batch);
      } catch (error) {
        this.#logger?.error({ err: error }, "a reader of the log's tail failed");
      }
    }
  }

  #tick(): void {
    if (this.#closing !== null || this.#crash !== null) return;
    this.#writer.send({ kind: "tick", nowMs: this.#time.now() });
    if (this.#isDiskFailing) this.#writer.send({ kind: "probe" });
  }

  #noteDisk(isFailing: boolean, reason: string): void {
    if (isFailing === this.#isDiskFailing) return;
    this.#isDiskFailing = isFailing;
    if (isFailing) this.#logger?.error({ reason }, "the log can't store events; it is tried again every second");
    else this.#logger?.info({}, "the log stores events again");
  }

  async #close(): Promise<void> {
    this.#stopTicking();
    if (this.#crash === null && (this.#underWay !== null || !this.#queue.isEmpty)) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    this.#listeners.clear();
    await this.#reader.close();
    this.#writer.expectEnd();
    // A thread that has ended takes no message, and needs none.
    this.#writer.send({ kind: "close" });
    await this.#writer.ended();
  }
}

/** The events of a group in their places, and what became of each append of it. */
function placed(
  epoch: string,
  group: readonly WaitingAppend[],
  { first, duplicates, failures }: AppendedMessage,
): { readonly batch: readonly StoredEvent[]; readonly outcomes: readonly (readonly Appended[])[] } {
  const batch: StoredEvent[] = [];
  const known = new Map<number, number>();
  for (let index = 0; index < duplicates.length; index += 2) {
    known.set(duplicates[index] as number, duplicates[index + 1] as number);
  }
  const failed = new Set(failures.map(({ index }) => index));
  let offset = 0;
  const outcomes = group.map(({ drafts }, index) => {
    const from = offset;
    offset += drafts.length;
    if (failed.has(index)) return [];
    return drafts.map((draft, place): Appended => {
      const duplicateOf = known.get(from + place);
      if (duplicateOf !== undefined) return { id: draft.id, position: duplicateOf, isDuplicate: true };
      const position = first + batch.length;
      batch.push(new StoredEvent({ ...draft, epoch, position }));
      return { id: draft.id, position, isDuplicate: false };
    });
  });
  return { batch, outcomes };
}

/** Events from what the reader found, in its order. */
export function eventsOf(epoch: string, { positions, fields }: Walked): readonly StoredEvent[] {
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

/** SQLite keeps UTF-8, in which half a surrogate pair has no form: what is read would not be what was published. */
function isStorable({ topic, data, dataContentType }: EventDraft): boolean {
  return topic.isWellFormed() && data.isWellFormed() && (dataContentType?.isWellFormed() ?? true);
}

function unavailable(detail: string, cause?: Error): SluiceError {
  return new SluiceError("log-unavailable", detail, { retryAfterSeconds: RETRY_AFTER_SECONDS, cause });
}
