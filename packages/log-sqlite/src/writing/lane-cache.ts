import type { DatabaseSync, StatementSync } from "node:sqlite";

/** The most lanes the writer remembers; others are looked up. */
const MAX_LANES = 200_000;

/** The ids of lanes, made where they are missing. */
export class LaneCache {
  readonly #select: StatementSync;
  readonly #insert: StatementSync;
  readonly #lanes = new Map<string, number>();
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

  /** Id of the lane of a topic and type. */
  of(topic: string, type: string): number {
    // A topic holds no white space.
    const key = `${topic} ${type}`;
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    const row = this.#select.get(topic, type);
    if (row === undefined) this.#made.push(key);
    const lane = Number(row === undefined ? this.#insert.run(topic, type).lastInsertRowid : row["id"]);
    // All at once: a Map whose oldest entries are taken out one by one gets slow, since each look for the oldest passes
    // over all that were taken out before.
    if (this.#lanes.size >= MAX_LANES) this.#lanes.clear();
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
