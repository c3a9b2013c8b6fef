import type { DatabaseSync, StatementSync } from "node:sqlite";

/** A topic and a type, as the writer knows them. */
export interface Lane {
  readonly id: number;
  /** The last group of appends that it had an event in. */
  seenIn: number;
}

/** The most lanes the writer remembers; others are looked up. */
const MAX_LANES = 50_000;

/** The ids of lanes, made where they are missing. */
export class LaneCache {
  readonly #select: StatementSync;
  readonly #insert: StatementSync;
  readonly #lanes = new Map<string, Lane>();
  /** Keys of lanes that the open transaction made. */
  #made: string[] = [];
  #count: number;

  constructor(db: DatabaseSync) {
    this.#select = db.prepare("SELECT id FROM lanes WHERE topic = ? AND type = ?");
    this.#insert = db.prepare("INSERT INTO lanes (topic, type) VALUES (?, ?)");
    this.#count = Number(db.prepare("SELECT count(*) AS count FROM lanes").get()?.["count"]);
  }

  /** How many lanes the file holds. */
  get count(): number {
    return this.#count;
  }

  /** The lane of a topic and type. */
  of(topic: string, type: string): Lane {
    // A topic holds no white space.
    const key = `${topic} ${type}`;
    let lane = this.#lanes.get(key);
    if (lane !== undefined) return lane;
    const row = this.#select.get(topic, type);
    if (row === undefined) {
      lane = { id: Number(this.#insert.run(topic, type).lastInsertRowid), seenIn: 0 };
      this.#made.push(key);
    } else {
      lane = { id: Number(row["id"]), seenIn: 0 };
    }
    if (this.#lanes.size >= MAX_LANES) this.#lanes.delete(this.#lanes.keys().next().value as string);
    this.#lanes.set(key, lane);
    return lane;
  }

  /** The transaction was committed. */
  commit(): void {
    this.#count += this.#made.length;
    this.#made = [];
  }

  /** The transaction was rolled back. */
  rollBack(): void {
    for (const key of this.#made) this.#lanes.delete(key);
    this.#made = [];
  }

  /** The lane was taken out of the file. */
  forget(topic: string, type: string): void {
    this.#lanes.delete(`${topic} ${type}`);
    this.#count -= 1;
  }
}
