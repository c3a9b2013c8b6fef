import { Buffer } from "node:buffer";
import { statSync } from "node:fs";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Retention } from "@sluice/core";
import { isDiskFault } from "../file/disk-fault.ts";
import { Duplicates } from "./duplicates.ts";
import { encodeTime } from "../file/event-time.ts";
import { LaneCache } from "./lane-cache.ts";
import { examineGroup } from "./group-examination.ts";
import { BUSY_MS, logFileIn, reasonOf, WAL_BYTES } from "../file/log-folder.ts";
import {
  FIELDS_PER_EVENT,
  type AppendedMessage,
  type AppendFailure,
  type AppendMessage,
  type Former,
} from "../messages.ts";
import { Transactions } from "./transaction.ts";
import { Trimmer } from "./trimmer.ts";

/** Size that an event has beside its texts: about the rest of its JSON. */
const EVENT_BYTES = 110;
/** How long readers are waited for before the write-ahead log is cut. */
const PATIENCE_MS = 100;

/** Options of {@link Writer}. */
export interface WriterOptions {
  readonly db: DatabaseSync;
  readonly folder: string;
  readonly nowMs: number;
  readonly retention: Retention;
  readonly deduplicationMs: number;
  readonly maxFileBytes: number | null;
  readonly maxLanes: number;
}

/** Puts events into the file, a group of appends per transaction, and trims it. Lives in a worker thread; all of it is synchronous. */
export class Writer {
  readonly #db: DatabaseSync;
  readonly #walPath: string;
  readonly #transactions: Transactions;
  readonly #insert: StatementSync;
  readonly #lanes: LaneCache;
  readonly #duplicates: Duplicates;
  readonly #trimmer: Trimmer;
  #newest: number;
  #bytesThrough: number;
  #storedAtMs: number;

  constructor(options: WriterOptions) {
    const { db, deduplicationMs } = options;
    this.#db = db;
    this.#walPath = `${logFileIn(options.folder)}-wal`;
    const pageBytes = Number(db.prepare("PRAGMA page_size").get()?.["page_size"]);
    if (options.maxFileBytes !== null)
      db.exec(`PRAGMA max_page_count = ${Math.floor(options.maxFileBytes / pageBytes)}`);
    this.#transactions = new Transactions(db);
    this.#insert = db.prepare("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    const last =
      db.prepare("SELECT position, stored_at, bytes_through FROM events ORDER BY position DESC LIMIT 1").get() ??
      db
        .prepare("SELECT trimmed_through AS position, trimmed_at AS stored_at, trimmed_bytes AS bytes_through FROM log")
        .get();
    this.#newest = Number(last?.["position"]);
    this.#storedAtMs = Number(last?.["stored_at"]);
    this.#bytesThrough = Number(last?.["bytes_through"]);
    this.#lanes = new LaneCache(db);
    const nowMs = Math.max(options.nowMs, this.#storedAtMs);
    this.#duplicates = new Duplicates(db, deduplicationMs, this.#newest, nowMs);
    this.#trimmer = new Trimmer({
      db,
      transactions: this.#transactions,
      lanes: this.#lanes,
      duplicates: this.#duplicates,
      retention: options.retention,
      maxLanes: options.maxLanes,
      nowMs,
      newest: this.#newest,
      bytesThrough: this.#bytesThrough,
    });
  }

  /** Position of the newest event, 0 if there never was one. */
  get newest(): number {
    return this.#newest;
  }

  /** Storing time of the newest event, 0 if there never was one. */
  get storedAtMs(): number {
    return this.#storedAtMs;
  }

  /** Everything up to this position has been trimmed. */
  get trimmedThrough(): number {
    return this.#trimmer.through;
  }

  /** The time is that; other limits than before hold if they are given. */
  tick(nowMs: number, retention?: Retention): void {
    this.#trimmer.tick(nowMs);
    this.#cutWal();
    if (retention !== undefined) this.#trimmer.retain(retention);
  }

  /** One small step of housekeeping; whether there may be more to do. */
  keepHouse(): boolean {
    return this.#trimmer.step();
  }

  /** Stores a group of appends; durable when this returns. If the group can't be stored as one, each append is tried by itself. */
  append(message: AppendMessage): AppendedMessage {
    const first = this.#newest + 1;
    this.#trimmer.tick(message.nowMs);
    this.#duplicates.moveTo(message.nowMs);
    const failures: AppendFailure[] = [];
    const duplicates: number[] = [];
    let isDiskFailing = false;
    try {
      this.#store(message, 0, message.fields.length, duplicates);
    } catch {
      duplicates.length = 0;
      let from = 0;
      for (const [index, count] of message.counts.entries()) {
        const to = from + count * FIELDS_PER_EVENT;
        const known = duplicates.length;
        try {
          this.#store(message, from, to, duplicates);
          isDiskFailing = false;
        } catch (error) {
          duplicates.length = known;
          failures.push({ index, reason: reasonOf(error) });
          isDiskFailing = isDiskFault(error);
        }
        from = to;
      }
    }
    this.#noteEnd();
    return { kind: "appended", first, duplicates, failures, isDiskFailing };
  }

  /**
   * The answer that a writer before this one owed. What of its group is in the file is stored, the rest is now. To be
   * called before anything else is stored or trimmed.
   * @throws {LogOpenError} if the file holds other events than those of the group behind what the writer told of
   */
  answerFor({ group, newest, mayStore }: Former): AppendedMessage {
    const examined = examineGroup(this.#db, this.#duplicates, group, newest);
    const decidedEvents = group.counts.slice(0, examined.decided).reduce((sum, count) => sum + count, 0);
    const rest = { ...group, counts: group.counts.slice(examined.decided) };
    const stored = mayStore
      ? this.append({ ...rest, fields: group.fields.slice(decidedEvents * FIELDS_PER_EVENT) })
      : refusal(rest);
    const duplicates = stored.duplicates.map((value, at) => (at % 2 === 0 ? value + decidedEvents : value));
    const failures = stored.failures.map(({ index, reason }) => ({ index: index + examined.decided, reason }));
    return {
      kind: "appended",
      first: newest + 1,
      duplicates: [...examined.duplicates, ...duplicates],
      failures: [...examined.failures, ...failures],
      isDiskFailing: stored.isDiskFailing,
    };
  }

  /** Whether something can be stored: tries it. */
  probe(): boolean {
    try {
      // Room in the write-ahead log is room, too.
      this.#db.exec("PRAGMA wal_checkpoint(PASSIVE)");
      this.#transactions.run(() => {
        this.#db.exec(
          "DROP TABLE IF EXISTS probe; CREATE TABLE probe (filler); INSERT INTO probe VALUES (zeroblob(65536))",
        );
      });
      this.#transactions.run(() => this.#db.exec("DROP TABLE probe"));
      return true;
    } catch {
      return false;
    }
  }

  #noteEnd(): void {
    this.#trimmer.noteEnd(this.#newest, this.#bytesThrough);
  }

  #store(message: AppendMessage, from: number, to: number, duplicates: number[]): void {
    const [newest, bytesThrough] = [this.#newest, this.#bytesThrough];
    try {
      this.#transactions.run(() => {
        for (let at = from; at < to; at += FIELDS_PER_EVENT) this.#put(message, at, duplicates);
      });
    } catch (error) {
      [this.#newest, this.#bytesThrough] = [newest, bytesThrough];
      this.#lanes.rollBack();
      this.#duplicates.rollBack(newest);
      throw error;
    }
    this.#lanes.commit();
    if (this.#newest > newest) this.#storedAtMs = message.nowMs;
  }

  #put({ fields, nowMs }: AppendMessage, at: number, duplicates: number[]): void {
    const topic = fields[at] as string;
    const id = fields[at + 2] as string;
    const position = this.#newest + 1;
    const known = this.#duplicates.findOrAdd(topic, id, position, nowMs);
    if (known !== null) {
      duplicates.push(at / FIELDS_PER_EVENT, known);
      return;
    }
    const type = fields[at + 1] as string;
    const data = fields[at + 4] as string;
    const contentType = fields[at + 5] as string | null;
    const lane = this.#lanes.of(topic, type);
    this.#newest = position;
    this.#bytesThrough +=
      EVENT_BYTES +
      Buffer.byteLength(topic) +
      type.length +
      id.length +
      Buffer.byteLength(data) +
      (contentType?.length ?? 0);
    const time = encodeTime(fields[at + 3] as string);
    this.#insert.run(position, lane, id, time, data, contentType, nowMs, this.#bytesThrough);
  }

  /** A write-ahead log begins anew only when nobody reads its end: where readers follow each other closely, they are waited for. */
  #cutWal(): void {
    const size = statSync(this.#walPath, { throwIfNoEntry: false })?.size ?? 0;
    if (size <= WAL_BYTES) return;
    this.#db.exec(
      `PRAGMA busy_timeout = ${PATIENCE_MS}; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA busy_timeout = ${BUSY_MS}`,
    );
  }
}

/** Appends that have ended a thread twice, so it seems. */
function refusal({ counts }: AppendMessage): Pick<AppendedMessage, "duplicates" | "failures" | "isDiskFailing"> {
  const reason = "the thread that should have stored it ended twice";
  return { duplicates: [], failures: counts.map((_, index) => ({ index, reason })), isDiskFailing: false };
}
