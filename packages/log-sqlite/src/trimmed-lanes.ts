import type { DatabaseSync, StatementSync } from "node:sqlite";
import { isInterested, matches, type Clause, type Interest } from "@sluice/core";
import { literalRange } from "./lane-search.ts";

/** Interests with patterns for which the last trimmed event is remembered. */
const MAX_KNOWN = 1000;
/** Lanes looked at in order of trimming, before those that a pattern can match are looked at in order of topic. */
const FIRST_LOOK = 1000;

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
  readonly #known = new Map<string, Known>();

  constructor(db: DatabaseSync) {
    this.#ofTopic = db.prepare("SELECT type FROM lanes WHERE topic = ? AND trimmed > ?");
    // The second condition lets the partial index be used.
    this.#newestFirst = db.prepare(
      "SELECT topic, type, trimmed FROM lanes WHERE trimmed > ? AND trimmed > 0 ORDER BY trimmed DESC LIMIT ?",
    );
    this.#inRange = db.prepare("SELECT topic, type, trimmed FROM lanes WHERE topic >= ? AND topic < ? AND trimmed > ?");
    for (const statement of [this.#ofTopic, this.#newestFirst, this.#inRange]) statement.setReturnArrays(true);
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
    for (const [topic, type, trimmed] of rows<TrimmedLane>(this.#newestFirst.iterate(after, FIRST_LOOK))) {
      if (isInterested(interest, { topic, type })) return trimmed;
      looked += 1;
    }
    if (looked < FIRST_LOOK) return 0;
    let latest = 0;
    for (const { filter, types } of interest.clauses) {
      const { from, to } = literalRange(filter);
      for (const [topic, type, trimmed] of rows<TrimmedLane>(this.#inRange.iterate(from, to, after))) {
        if (trimmed > latest && (types === null || types.has(type)) && matches(filter, topic)) latest = trimmed;
      }
    }
    return latest;
  }
}

type TrimmedLane = [topic: string, type: string, trimmed: number];

function rows<Row>(iterator: Iterable<unknown>): Iterable<Row> {
  return iterator as Iterable<Row>;
}
