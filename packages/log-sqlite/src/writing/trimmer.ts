import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Retention } from "@sluice/core";
import type { Duplicates, Leaving } from "./duplicates.ts";
import type { LaneCache } from "./lane-cache.ts";
import { blockOf } from "../file/schema.ts";
import type { Transactions } from "./transaction.ts";

/** Options of {@link Trimmer}. */
export interface TrimmerOptions {
  readonly db: DatabaseSync;
  readonly transactions: Transactions;
  readonly lanes: LaneCache;
  readonly duplicates: Duplicates;
  readonly retention: Retention;
  readonly maxLanes: number;
  readonly nowMs: number;
  /** Position of the newest event, and the size of all up to it. */
  readonly newest: number;
  readonly bytesThrough: number;
}

type OldEvent = [position: number, lane: number, topic: string, id: string, storedAtMs: number, bytesThrough: number];

/** Events that one step trims at the most; more only if more than half as many were appended since the last step. */
const STEP_EVENTS = 500;
/** Lanes that one step forgets at the most; each is looked for in all blocks. */
const STEP_LANES = 50;
/** Vacant pages that are left for what comes (8 MiB); beyond, a quarter of the file may be vacant. */
const SPARE_PAGES = 2048;
/** Pages that one step gives back to the system. */
const STEP_PAGES = 128;

/**
 * Applies retention, one small step at a time, so that publishing goes on in between. A step is atomic but not synced:
 * it becomes durable with the next append.
 */
export class Trimmer {
  readonly #transactions: Transactions;
  readonly #db: DatabaseSync;
  readonly #lanes: LaneCache;
  readonly #duplicates: Duplicates;
  readonly #maxLanes: number;
  readonly #select: StatementSync;
  readonly #delete: StatementSync;
  readonly #noteLane: StatementSync;
  readonly #noteLog: StatementSync;
  readonly #noteForgotten: StatementSync;
  readonly #oldestTrimmed: StatementSync;
  readonly #isInBlock: StatementSync;
  readonly #forgetTrimmed: StatementSync;
  readonly #dropLane: StatementSync;
  readonly #vacantPages: StatementSync;
  readonly #allPages: StatementSync;
  #retention: Retention;
  #nowMs: number;
  #through: number;
  #bytes: number;
  /** Storing time of the oldest event; infinite if there is none. */
  #oldestAtMs: number;
  #newest: number;
  #bytesThrough: number;
  #appended = 0;
  #mayBeSpacious = true;
  #isShrinking = false;

  constructor(options: TrimmerOptions) {
    const { db } = options;
    this.#db = db;
    this.#transactions = options.transactions;
    this.#lanes = options.lanes;
    this.#duplicates = options.duplicates;
    this.#maxLanes = options.maxLanes;
    this.#retention = options.retention;
    this.#nowMs = options.nowMs;
    this.#newest = options.newest;
    this.#bytesThrough = options.bytesThrough;
    this.#select = db.prepare(
      `SELECT position, lane, topic, events.id, stored_at, bytes_through
       FROM events CROSS JOIN lanes ON lanes.id = lane WHERE position > ? ORDER BY position LIMIT ?`,
    );
    this.#select.setReturnArrays(true);
    this.#delete = db.prepare("DELETE FROM events WHERE position <= ?");
    this.#noteLane = db.prepare(
      "INSERT INTO trimmed (lane, position) VALUES (?, ?) ON CONFLICT (lane) DO UPDATE SET position = excluded.position",
    );
    this.#noteLog = db.prepare("UPDATE log SET trimmed_through = ?, trimmed_bytes = ?, trimmed_at = ?");
    this.#noteForgotten = db.prepare("UPDATE log SET forgotten_through = max(forgotten_through, ?)");
    this.#oldestTrimmed = db.prepare(
      `SELECT lane, trimmed.position AS position, topic, type FROM trimmed CROSS JOIN lanes ON lanes.id = lane
       ORDER BY trimmed.position LIMIT ?`,
    );
    this.#isInBlock = db.prepare("SELECT 1 FROM events INDEXED BY events_by_lane WHERE block = ? AND lane = ? LIMIT 1");
    this.#forgetTrimmed = db.prepare("DELETE FROM trimmed WHERE lane = ?");
    this.#dropLane = db.prepare("DELETE FROM lanes WHERE id = ?");
    this.#vacantPages = db.prepare("PRAGMA freelist_count");
    this.#allPages = db.prepare("PRAGMA page_count");
    const row = db.prepare("SELECT trimmed_through, trimmed_bytes FROM log").get();
    this.#through = Number(row?.["trimmed_through"]);
    this.#bytes = Number(row?.["trimmed_bytes"]);
    this.#oldestAtMs = this.#readOldestAtMs();
  }

  /** Everything up to this position has been trimmed. */
  get through(): number {
    return this.#through;
  }

  /** Time has passed. */
  tick(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  /** New limits. */
  retain(retention: Retention): void {
    this.#retention = retention;
  }

  /** Where the log ends now. */
  noteEnd(newest: number, bytesThrough: number): void {
    this.#appended += newest - this.#newest;
    if (this.#oldestAtMs === Number.POSITIVE_INFINITY && newest > this.#through)
      this.#oldestAtMs = this.#readOldestAtMs();
    this.#newest = newest;
    this.#bytesThrough = bytesThrough;
  }

  /** Does one piece of what is to be done; whether it did something. */
  step(): boolean {
    return this.#trim() || this.#dropKept() || this.#forgetLanes() || this.#giveSpaceBack();
  }

  #isDue(oldest: number, bytesBefore: number, storedAtMs: number): boolean {
    const { ageMs, events, bytes } = this.#retention;
    return (
      this.#newest - oldest + 1 > events || this.#bytesThrough - bytesBefore > bytes || storedAtMs < this.#nowMs - ageMs
    );
  }

  #trim(): boolean {
    if (this.#through >= this.#newest || !this.#isDue(this.#through + 1, this.#bytes, this.#oldestAtMs)) return false;
    const limit = Math.max(STEP_EVENTS, this.#appended * 2);
    const rows = this.#select.all(this.#through, limit) as unknown as readonly OldEvent[];
    const lanes = new Map<number, number>();
    const leaving: Leaving[] = [];
    let bytes = this.#bytes;
    for (const [position, lane, topic, id, storedAtMs, bytesThrough] of rows) {
      if (!this.#isDue(position, bytes, storedAtMs)) break;
      bytes = bytesThrough;
      lanes.set(lane, position);
      leaving.push({ position, topic, id, storedAtMs });
    }
    const last = leaving.at(-1);
    if (last === undefined) return false;
    this.#transactions.runLazily(() => {
      this.#delete.run(last.position);
      for (const [lane, position] of lanes) this.#noteLane.run(lane, position);
      this.#duplicates.keep(leaving, this.#nowMs);
      this.#noteLog.run(last.position, bytes, last.storedAtMs);
    });
    this.#appended = 0;
    this.#through = last.position;
    this.#bytes = bytes;
    this.#oldestAtMs = rows[leaving.length]?.[4] ?? this.#readOldestAtMs();
    this.#mayBeSpacious = true;
    return true;
  }

  #dropKept(): boolean {
    if (!this.#duplicates.hasStale(this.#nowMs, this.#newest)) return false;
    this.#transactions.runLazily(() => this.#duplicates.dropKept(this.#nowMs, this.#newest, STEP_EVENTS));
    return true;
  }

  /** More topics and types have been seen than are to be remembered: those trimmed longest ago go. */
  #forgetLanes(): boolean {
    const surplus = this.#lanes.count - this.#maxLanes;
    if (surplus <= 0) return false;
    const rows = this.#oldestTrimmed.all(Math.min(surplus, STEP_LANES));
    if (rows.length === 0) return false;
    const unused = rows.filter((row) => !this.#isUsed(Number(row["lane"])));
    this.#transactions.runLazily(() => {
      for (const row of rows) this.#forgetTrimmed.run(Number(row["lane"]));
      for (const row of unused) this.#dropLane.run(Number(row["lane"]));
      this.#noteForgotten.run(Number(rows.at(-1)?.["position"]));
    });
    for (const row of unused) this.#lanes.forget(String(row["topic"]), String(row["type"]));
    return true;
  }

  /** Whether the lane has an event that is retained. */
  #isUsed(lane: number): boolean {
    for (let block = blockOf(this.#through + 1); block <= blockOf(this.#newest); block += 1) {
      if (this.#isInBlock.get(block, lane) !== undefined) return true;
    }
    return false;
  }

  /** Vacant pages are used again; what is vacant far beyond that goes back to the system. */
  #giveSpaceBack(): boolean {
    if (!this.#mayBeSpacious) return false;
    const vacant = Number(this.#vacantPages.get()?.["freelist_count"]);
    const pages = Number(this.#allPages.get()?.["page_count"]);
    if (vacant <= SPARE_PAGES || vacant * 4 <= pages) {
      this.#mayBeSpacious = false;
      // Only this makes the file smaller.
      if (this.#isShrinking) this.#db.exec("PRAGMA wal_checkpoint(PASSIVE)");
      this.#isShrinking = false;
      return false;
    }
    this.#isShrinking = true;
    this.#transactions.runLazily(() => this.#db.exec(`PRAGMA incremental_vacuum(${STEP_PAGES})`));
    return true;
  }

  #readOldestAtMs(): number {
    const row = this.#db.prepare("SELECT stored_at FROM events ORDER BY position LIMIT 1").get();
    return row === undefined ? Number.POSITIVE_INFINITY : Number(row["stored_at"]);
  }
}
