import type { DatabaseSync, StatementSync } from "node:sqlite";
import { clauseMatches, isInterested, type Clause, type Filter, type Interest } from "@sluice/core";

/** The most lanes that are walked one by one; an interest in more of them is served by looking at all events. */
const MAX_WALKED = 1000;
/** The most lanes that are looked at to find those of a pattern. */
const MAX_LOOKED_AT = 4000;
/** The most lanes whose topic and type are kept in memory. */
const MAX_NAMES = 100_000;

interface LaneName {
  readonly topic: string;
  readonly type: string;
}

/** Finds lanes by interest and by id. Names are kept: a lane's id never changes hands. */
export class LaneSearch {
  readonly #byId: StatementSync;
  readonly #ofTopic: StatementSync;
  readonly #ofTopicAndType: StatementSync;
  readonly #inRange: StatementSync;
  readonly #names = new Map<number, LaneName>();

  constructor(db: DatabaseSync) {
    this.#byId = db.prepare("SELECT topic, type FROM lanes WHERE id = ?");
    this.#ofTopic = db.prepare("SELECT id FROM lanes WHERE topic = ? LIMIT ?");
    this.#ofTopicAndType = db.prepare("SELECT id FROM lanes WHERE topic = ? AND type = ?");
    this.#inRange = db.prepare("SELECT id, topic, type FROM lanes WHERE topic >= ? AND topic < ? LIMIT ?");
    for (const statement of [this.#byId, this.#ofTopic, this.#ofTopicAndType, this.#inRange]) {
      statement.setReturnArrays(true);
    }
  }

  /** Topic and type of a lane that is in the file. */
  name(id: number): LaneName {
    let name = this.#names.get(id);
    if (name === undefined) {
      const [topic, type] = this.#byId.get(id) as unknown as [string, string];
      name = { topic, type };
      if (this.#names.size >= MAX_NAMES) this.#names.clear();
      this.#names.set(id, name);
    }
    return name;
  }

  /** Says of lanes whether the interest takes their events; asks once per lane. */
  chooser(interest: Interest): (lane: number) => boolean {
    const chosen = new Map<number, boolean>();
    return (lane) => {
      let isChosen = chosen.get(lane);
      if (isChosen === undefined) {
        isChosen = isInterested(interest, this.name(lane));
        chosen.set(lane, isChosen);
      }
      return isChosen;
    };
  }

  /** The lanes of an interest; `null` if they are too many, or too many to find them among. */
  lanesOf(interest: Interest): readonly number[] | null {
    const lanes = new Set<number>();
    let budget = MAX_LOOKED_AT;
    for (const clause of interest.clauses) {
      const found = clause.filter.isPattern ? this.#ofPattern(clause, budget) : this.#ofExact(clause);
      if (found === null) return null;
      budget -= found.lookedAt;
      for (const lane of found.lanes) lanes.add(lane);
      if (lanes.size > MAX_WALKED) return null;
    }
    return [...lanes];
  }

  #ofExact({ filter, types }: Clause): Found | null {
    const lanes: number[] = [];
    if (types === null) {
      for (const [id] of this.#ofTopic.all(filter.text, MAX_WALKED + 1) as unknown as [number][]) lanes.push(id);
    } else {
      for (const type of types) {
        const row = this.#ofTopicAndType.get(filter.text, type) as unknown as [number] | undefined;
        if (row !== undefined) lanes.push(row[0]);
      }
    }
    return lanes.length > MAX_WALKED ? null : { lanes, lookedAt: 0 };
  }

  #ofPattern(clause: Clause, budget: number): Found | null {
    const { from, to } = literalRange(clause.filter);
    const rows = this.#inRange.all(from, to, budget + 1) as unknown as [number, string, string][];
    if (rows.length > budget) return null;
    const lanes: number[] = [];
    for (const [id, topic, type] of rows) if (clauseMatches(clause, topic, type)) lanes.push(id);
    return { lanes, lookedAt: rows.length };
  }
}

interface Found {
  readonly lanes: readonly number[];
  readonly lookedAt: number;
}

/** The range, in the order of bytes, in which all topics lie that a pattern can match. */
export function literalRange({ segments }: Filter): { readonly from: string; readonly to: string } {
  const wild = segments.findIndex((segment) => segment === "*" || segment === "**");
  if (wild === 0) return { from: "", to: "\u{10ffff}" };
  const stem = segments.slice(0, wild).join("/");
  // "0" is what follows "/".
  return { from: `${stem}/`, to: `${stem}0` };
}
