import type { DatabaseSync, StatementSync } from "node:sqlite";
import { clauseMatches, isInterested, type Clause, type Filter, type Interest } from "@sluice/core";

/** The most lanes that are walked one by one; an interest in more of them is served by looking at all events. */
const MAX_WALKED = 1000;
/** The most lanes in the range of a pattern that are looked at each time anew. */
const MAX_IN_RANGE = 2000;
/** Lanes looked at, per walk, to find those of a pattern whose range is larger. */
const LOOK_LANES = 10_000;
/** Patterns with a large range whose lanes are kept. */
const MAX_SEARCHES = 500;
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
  readonly #after: StatementSync;
  readonly #names = new Map<number, LaneName>();
  readonly #searches = new Map<string, Search>();

  constructor(db: DatabaseSync) {
    this.#byId = db.prepare("SELECT topic, type FROM lanes WHERE id = ?");
    this.#ofTopic = db.prepare("SELECT id FROM lanes WHERE topic = ? LIMIT ?");
    this.#ofTopicAndType = db.prepare("SELECT id FROM lanes WHERE topic = ? AND type = ?");
    this.#inRange = db.prepare("SELECT id, topic, type FROM lanes WHERE topic >= ? AND topic < ? LIMIT ?");
    this.#after = db.prepare("SELECT id, topic, type FROM lanes WHERE id > ? ORDER BY id LIMIT ?");
    for (const statement of [this.#byId, this.#ofTopic, this.#ofTopicAndType, this.#inRange, this.#after]) {
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

  /** The lanes of an interest; `null` if they are too many, or have not all been found yet. */
  lanesOf(interest: Interest): readonly number[] | null {
    const lanes = new Set<number>();
    for (const clause of interest.clauses) {
      const found = clause.filter.isPattern ? this.#inRangeOf(clause) : this.#ofExact(clause);
      if (found === null) return this.#search(interest);
      for (const lane of found) lanes.add(lane);
    }
    return lanes.size > MAX_WALKED ? null : [...lanes];
  }

  #ofExact({ filter, types }: Clause): readonly number[] | null {
    const lanes: number[] = [];
    if (types === null) {
      for (const [id] of this.#ofTopic.all(filter.text, MAX_WALKED + 1) as unknown as [number][]) lanes.push(id);
    } else {
      for (const type of types) {
        const row = this.#ofTopicAndType.get(filter.text, type) as unknown as [number] | undefined;
        if (row !== undefined) lanes.push(row[0]);
      }
    }
    return lanes.length > MAX_WALKED ? null : lanes;
  }

  #inRangeOf(clause: Clause): readonly number[] | null {
    const { from, to } = literalRange(clause.filter);
    const rows = this.#inRange.all(from, to, MAX_IN_RANGE + 1) as unknown as LaneRow[];
    if (rows.length > MAX_IN_RANGE) return null;
    return rows.filter(([, topic, type]) => clauseMatches(clause, topic, type)).map(([id]) => id);
  }

  /**
   * Looks at all lanes, a few thousand more each time it is asked, and from then on at new ones only: ids rise, and a
   * lane is there before its first event can be read.
   */
  #search(interest: Interest): readonly number[] | null {
    const search = this.#searches.get(interest.key) ?? { through: 0, lanes: [] };
    this.#searches.delete(interest.key);
    this.#searches.set(interest.key, search);
    if (this.#searches.size > MAX_SEARCHES) this.#searches.delete(this.#searches.keys().next().value as string);
    if (search.lanes.length > MAX_WALKED) return null;
    const rows = this.#after.all(search.through, LOOK_LANES) as unknown as LaneRow[];
    for (const [id, topic, type] of rows) if (isInterested(interest, { topic, type })) search.lanes.push(id);
    search.through = rows.at(-1)?.[0] ?? search.through;
    return rows.length < LOOK_LANES && search.lanes.length <= MAX_WALKED ? search.lanes : null;
  }
}

/** What is known of the lanes of an interest. */
interface Search {
  /** All lanes up to this id have been looked at. */
  through: number;
  readonly lanes: number[];
}

type LaneRow = [id: number, topic: string, type: string];

/** The range, in the order of bytes, in which all topics lie that a pattern can match. */
export function literalRange({ segments }: Filter): { readonly from: string; readonly to: string } {
  const wild = segments.findIndex((segment) => segment === "*" || segment === "**");
  if (wild === 0) return { from: "", to: "\u{10ffff}" };
  const stem = segments.slice(0, wild).join("/");
  // "0" is what follows "/".
  return { from: `${stem}/`, to: `${stem}0` };
}
