import type { DatabaseSync, StatementSync } from "node:sqlite";
import { clauseMatches, isInterested, type Clause, type Interest } from "@sluice/core";
import { literalRange } from "./lane-search.ts";

/** Interests with patterns for which the last trimmed event is remembered. */
const MAX_KNOWN = 1000;
/** Lanes looked at in order of trimming, before the others are. */
const FIRST_LOOK = 1000;
/** The most lanes in the range of a pattern that are looked at in the order of topics. */
const MAX_IN_RANGE = 2000;

interface Known {
  /** Everything up to this position that was trimmed has been considered. */
  through: number;
  /** Position of the last trimmed event that matches; 0 if there is none. */
  latest: number;
}

/** What was trimmed, asked by interest: whether a reader missed something. */
export class TrimmedLanes {
  readonly #ofTopic: StatementSync;
  readonly #newestFirst: StatementSync;
  readonly #inRange: StatementSync;
  readonly #all: StatementSync;
  readonly #known = new Map<string, Known>();

  constructor(db: DatabaseSync) {
    this.#ofTopic = db.prepare("SELECT type FROM lanes JOIN trimmed ON lane = id WHERE topic = ? AND position > ?");
    this.#newestFirst = db.prepare(
      `SELECT topic, type, position FROM trimmed CROSS JOIN lanes ON id = lane
       WHERE position > ? ORDER BY position DESC LIMIT ?`,
    );
    this.#inRange = db.prepare(
      `SELECT topic, type, position FROM lanes CROSS JOIN trimmed ON lane = id WHERE topic >= ? AND topic < ? LIMIT ?`,
    );
    this.#all = db.prepare("SELECT topic, type, position FROM lanes CROSS JOIN trimmed ON lane = id ORDER BY id");
    for (const statement of [this.#ofTopic, this.#newestFirst, this.#inRange, this.#all])
      statement.setReturnArrays(true);
  }

  /** Whether an event of that interest was trimmed after the position, `through` being the last trimmed one of all. */
  hasGap(interest: Interest, after: number, through: number): boolean {
    if (after >= through) return false;
    const patterns: Clause[] = [];
    for (const clause of interest.clauses) {
      if (clause.filter.isPattern) patterns.push(clause);
      else if (this.#hasTrimmed(clause, after)) return true;
    }
    return patterns.length > 0 && this.#latest({ clauses: patterns, key: interest.key }, through) > after;
  }

  #hasTrimmed({ filter, types }: Clause, after: number): boolean {
    for (const [type] of rows<[string]>(this.#ofTopic.iterate(filter.text, after))) {
      if (types === null || types.has(type)) return true;
    }
    return false;
  }

  #latest(interest: Interest, through: number): number {
    const known = this.#known.get(interest.key) ?? { through: 0, latest: 0 };
    if (known.through < through) {
      known.latest = Math.max(known.latest, this.#latestAfter(interest, known.through));
      known.through = through;
    }
    this.#known.delete(interest.key);
    this.#known.set(interest.key, known);
    if (this.#known.size > MAX_KNOWN) this.#known.delete(this.#known.keys().next().value as string);
    return known.latest;
  }

  /** Newest first, the first that matches is it; but a pattern that matches none of a million is found so by its range. */
  #latestAfter(interest: Interest, after: number): number {
    let looked = 0;
    for (const [topic, type, position] of rows<TrimmedLane>(this.#newestFirst.iterate(after, FIRST_LOOK))) {
      if (isInterested(interest, { topic, type })) return position;
      looked += 1;
    }
    if (looked < FIRST_LOOK) return 0;
    return Math.max(...interest.clauses.map((clause) => this.#latestOf(clause)));
  }

  /** A small range is looked at by itself; a large one costs more that way than all lanes in the order of the file. */
  #latestOf(clause: Clause): number {
    const { from, to } = literalRange(clause.filter);
    const inRange = this.#inRange.all(from, to, MAX_IN_RANGE + 1) as unknown as TrimmedLane[];
    let latest = 0;
    for (const [topic, type, position] of inRange.length > MAX_IN_RANGE
      ? rows<TrimmedLane>(this.#all.iterate())
      : inRange) {
      if (position > latest && clauseMatches(clause, topic, type)) latest = position;
    }
    return latest;
  }
}

type TrimmedLane = [topic: string, type: string, position: number];

function rows<Row>(iterator: Iterable<unknown>): Iterable<Row> {
  return iterator as Iterable<Row>;
}
