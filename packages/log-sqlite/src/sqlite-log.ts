import {
  SluiceError,
  type Appended,
  type Bounds,
  type EventDraft,
  type EventLog,
  type Interest,
  type Page,
  type ReadQuery,
  type Retention,
  type StoredEvent,
} from "@sluice/core";
import type { ReaderThread } from "./reader-thread.ts";
import type { TailListeners } from "./tail-listeners.ts";
import type { WriterThread } from "./writer-thread.ts";

/** What a {@link SqliteLog} is made of; see `openSqliteLog`. */
export interface SqliteLogParts {
  readonly epoch: string;
  readonly writer: WriterThread;
  readonly reader: ReaderThread;
  /** Who is told of what was stored. */
  readonly listeners: TailListeners;
}

/**
 * The durable log: SQLite in two worker threads, one that writes and one that reads. Made by `openSqliteLog`.
 *
 * Positions rise by one from 1 on, without holes. The events keep their drafts' `receivedAtMs`.
 */
export class SqliteLog implements EventLog {
  readonly epoch: string;
  readonly #writer: WriterThread;
  readonly #reader: ReaderThread;
  readonly #listeners: TailListeners;
  #closing: Promise<void> | null = null;

  constructor({ epoch, writer, reader, listeners }: SqliteLogParts) {
    this.epoch = epoch;
    this.#writer = writer;
    this.#reader = reader;
    this.#listeners = listeners;
  }

  get isWritable(): boolean {
    return this.#closing === null && this.#writer.isWritable && this.#reader.isUp;
  }

  get restarts(): number {
    return this.#writer.restarted + this.#reader.restarted;
  }

  append(drafts: readonly EventDraft[]): Promise<readonly Appended[]> {
    const index = drafts.findIndex((draft) => !isStorable(draft));
    if (index < 0) return this.#writer.append(drafts);
    return Promise.reject(
      new SluiceError("invalid-event", "The event holds text that is not valid Unicode.", { index }),
    );
  }

  async read({ interest, after, limit, limitBytes }: ReadQuery): Promise<Page> {
    const walk = { interest, isForward: true, from: after, limit, limitBytes };
    const { events, walked } = await this.#reader.walk(walk, this.bounds().newest);
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
      const { events, walked } = await this.#reader.walk(walk, this.bounds().newest);
      newestFirst.push(...events);
      from = walked.reached;
      isEnd = walked.isEnd;
    }
    return {
      events: newestFirst.toReversed(),
      position: upTo,
      isCaughtUp: upTo >= this.bounds().newest,
      gapUntil: null,
    };
  }

  tail(listener: (batch: readonly StoredEvent[]) => void): () => void {
    return this.#listeners.add(listener);
  }

  bounds(): Bounds {
    return this.#writer.bounds;
  }

  setRetention(retention: Retention): void {
    if (this.#closing === null) this.#writer.retain(retention);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#writer.finish();
    this.#listeners.clear();
    await this.#reader.close();
    // The last one to close the file, since it alone can put away the write-ahead log.
    await this.#writer.close();
  }
}

/** SQLite keeps UTF-8, in which half a surrogate pair has no form: what is read would not be what was published. */
function isStorable({ topic, data, dataContentType }: EventDraft): boolean {
  return topic.isWellFormed() && data.isWellFormed() && (dataContentType?.isWellFormed() ?? true);
}
