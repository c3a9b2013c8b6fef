import { randomInt } from "node:crypto";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { addToHash, endHash, MAX_RECENT_IDS, RecentIds } from "./recent-ids.ts";

/** An event that is about to be trimmed, as far as it matters here. */
export interface Leaving {
  readonly position: number;
  readonly topic: string;
  readonly id: string;
  readonly storedAtMs: number;
}

/**
 * Which ids were published inside the deduplication window. Nothing is written for an event that is retained: the
 * events themselves are the record, with hashes in memory as the way to them. Only ids that are trimmed before the window
 * has passed are put aside.
 */
export class Duplicates {
  readonly #windowMs: number;
  readonly #seed = randomInt(2 ** 32);
  readonly #recent = new RecentIds();
  readonly #selectEvent: StatementSync;
  readonly #selectTrimmed: StatementSync;
  readonly #insertTrimmed: StatementSync;
  readonly #oldestTrimmed: StatementSync;
  readonly #deleteTrimmed: StatementSync;

  /** Remembers what the file holds. `newest` is the position of the newest event. */
  constructor(db: DatabaseSync, windowMs: number, newest: number, nowMs: number) {
    this.#windowMs = windowMs;
    this.#selectEvent = db.prepare(
      "SELECT events.id AS id, lanes.topic AS topic FROM events JOIN lanes ON lanes.id = events.lane WHERE position = ?",
    );
    this.#selectTrimmed = db.prepare("SELECT last, keys FROM trimmed_ids WHERE last >= ? ORDER BY last LIMIT 1");
    this.#insertTrimmed = db.prepare("INSERT INTO trimmed_ids (last, stored_at, keys) VALUES (?, ?, ?)");
    this.#oldestTrimmed = db.prepare("SELECT last, stored_at FROM trimmed_ids ORDER BY last LIMIT 1");
    this.#deleteTrimmed = db.prepare("DELETE FROM trimmed_ids WHERE last = ?");
    if (windowMs > 0) this.#load(db, newest, nowMs);
  }

  /** How many ids are remembered. */
  get size(): number {
    return this.#recent.size;
  }

  /** Forgets what the window has passed. */
  moveTo(nowMs: number): void {
    this.#recent.forgetThrough(nowMs - this.#windowMs);
  }

  /** The position of the event that was published with that id to that topic; else the id is remembered for `position`. */
  findOrAdd(topic: string, id: string, position: number, nowMs: number): number | null {
    if (this.#windowMs <= 0) return null;
    const hash = this.#hashOf(`${topic} ${id}`);
    const found = this.#recent.find(hash, (candidate) => this.#isAt(candidate, topic, id));
    if (found === null) this.#recent.add(hash, position, nowMs);
    return found;
  }

  /** The position of the event that was published with that id to that topic, if it is remembered. */
  find(topic: string, id: string): number | null {
    return this.#recent.find(this.#hashOf(`${topic} ${id}`), (candidate) => this.#isAt(candidate, topic, id));
  }

  /** The transaction in which ids after this position were added was rolled back. */
  rollBack(newest: number): void {
    this.#recent.forgetAfter(newest);
  }

  /** Puts the ids of events that are being trimmed aside, as far as they are inside the window. To be called in a transaction. */
  keep(leaving: readonly Leaving[], nowMs: number): void {
    const last = leaving.at(-1);
    if (last === undefined || !this.#isInside(last.storedAtMs, nowMs)) return;
    const keys: (string | number)[] = [];
    for (const { topic, id, storedAtMs } of leaving) {
      if (this.#isInside(storedAtMs, nowMs)) keys.push(`${topic} ${id}`, storedAtMs);
    }
    this.#insertTrimmed.run(last.position, last.storedAtMs, JSON.stringify(keys));
  }

  /** Drops up to `count` records of what was put aside and is no longer needed; whether there may be more. To be called in a transaction. */
  dropKept(nowMs: number, newest: number, count: number): boolean {
    for (let dropped = 0; dropped < count; dropped += 1) {
      if (!this.hasStale(nowMs, newest)) return false;
      this.#deleteTrimmed.run(Number(this.#oldestTrimmed.get()?.["last"]));
    }
    return true;
  }

  /** Whether something that was put aside is no longer needed. */
  hasStale(nowMs: number, newest: number): boolean {
    const row = this.#oldestTrimmed.get();
    if (row === undefined) return false;
    return !this.#isInside(Number(row["stored_at"]), nowMs) || Number(row["last"]) <= newest - MAX_RECENT_IDS;
  }

  #isInside(storedAtMs: number, nowMs: number): boolean {
    return nowMs - storedAtMs < this.#windowMs;
  }

  #isAt(position: number, topic: string, id: string): boolean {
    const row = this.#selectEvent.get(position);
    if (row !== undefined) return row["id"] === id && row["topic"] === topic;
    const kept = this.#selectTrimmed.get(position);
    if (kept === undefined) return false;
    const keys = JSON.parse(String(kept["keys"])) as (string | number)[];
    return keys[keys.length - 2 - 2 * (Number(kept["last"]) - position)] === `${topic} ${id}`;
  }

  #load(db: DatabaseSync, newest: number, nowMs: number): void {
    const since = nowMs - this.#windowMs;
    const kept = db.prepare("SELECT last, keys FROM trimmed_ids WHERE last > ? AND stored_at > ? ORDER BY last");
    for (const row of kept.iterate(newest - MAX_RECENT_IDS, since)) {
      const keys = JSON.parse(String(row["keys"])) as (string | number)[];
      let position = Number(row["last"]) - keys.length / 2;
      for (let index = 0; index < keys.length; index += 2) {
        position += 1;
        this.#recent.add(this.#hashOf(keys[index] as string), position, keys[index + 1] as number);
      }
    }
    // A million events: no join, and what their topics share is hashed once.
    const topicOf = db.prepare("SELECT topic FROM lanes WHERE id = ?");
    const begun = new Map<number, number>();
    const events = db.prepare("SELECT position, stored_at, lane, id FROM events WHERE position >= ? ORDER BY position");
    events.setReturnArrays(true);
    const rows = events.iterate(firstStoredAfter(db, since, newest)) as Iterable<unknown>;
    for (const [position, storedAtMs, lane, id] of rows as Iterable<[number, number, number, string]>) {
      let hash = begun.get(lane);
      if (hash === undefined) {
        hash = addToHash(this.#seed, `${String(topicOf.get(lane)?.["topic"])} `);
        begun.set(lane, hash);
      }
      this.#recent.add(endHash(addToHash(hash, id)), position, storedAtMs);
    }
  }

  #hashOf(key: string): number {
    return endHash(addToHash(this.#seed, key));
  }
}

/** The first retained position that was stored after a time; storing times never fall, so it can be searched for. */
function firstStoredAfter(db: DatabaseSync, atMs: number, newest: number): number {
  const storedAt = db.prepare("SELECT stored_at FROM events WHERE position = ?");
  const oldest = db.prepare("SELECT min(position) AS oldest FROM events").get()?.["oldest"];
  let low = Math.max(Number(oldest ?? newest + 1), newest - MAX_RECENT_IDS + 1);
  let high = newest + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (Number(storedAt.get(middle)?.["stored_at"]) > atMs) high = middle;
    else low = middle + 1;
  }
  return low;
}
