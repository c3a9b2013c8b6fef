import { Buffer } from "node:buffer";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { exactTopics, StoredEvent, type Interest } from "@sluice/core";
import { decodeTime } from "../file/event-time.ts";
import { LaneSearch } from "./lane-search.ts";
import type { Walk, Walked } from "../messages.ts";
import { blockOf, endOfBlock } from "../file/schema.ts";
import { TrimmedLanes } from "./trimmed-lanes.ts";

/** How much one walk may do; see {@link READER_LIMITS}. */
export interface ReaderLimits {
  /** Events that are looked at before the lanes of an interest are; enough where much matches. */
  readonly shortScan: number;
  /** Events that one walk looks at, at the most. */
  readonly longScan: number;
  /** So few lanes are walked without looking at all events first. */
  readonly fewLanes: number;
  /** Places in the index that one walk looks for, at the most. */
  readonly seeks: number;
}

/** Some 30 ms of work at the most. */
export const READER_LIMITS: ReaderLimits = { shortScan: 1000, longScan: 20_000, fewLanes: 8, seeks: 10_000 };

/** Places of events that match, in the direction of the walk. */
interface Finding {
  readonly positions: number[];
  /** The walk came to this position. */
  readonly reached: number;
}

interface Bounds {
  readonly trimmedThrough: number;
  readonly forgottenThrough: number;
  readonly newest: number;
}

/** Reads the file, in a worker thread of its own, beside the writer. Each walk sees one state of the log. */
export class Reader {
  readonly #epoch: string;
  readonly #limits: ReaderLimits;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #bounds: StatementSync;
  readonly #event: StatementSync;
  readonly #scanForward: StatementSync;
  readonly #scanBackward: StatementSync;
  readonly #laneForward: StatementSync;
  readonly #laneBackward: StatementSync;
  readonly #lanes: LaneSearch;
  readonly #trimmed: TrimmedLanes;

  constructor(db: DatabaseSync, epoch: string, limits: ReaderLimits = READER_LIMITS) {
    this.#epoch = epoch;
    this.#limits = limits;
    this.#begin = db.prepare("BEGIN");
    this.#commit = db.prepare("COMMIT");
    this.#bounds = db.prepare(
      "SELECT trimmed_through, forgotten_through, (SELECT max(position) FROM events) AS newest FROM log",
    );
    this.#event = db.prepare("SELECT lane, id, time, data, content_type FROM events WHERE position = ?");
    this.#scanForward = db.prepare("SELECT position, lane FROM events WHERE position > ? ORDER BY position LIMIT ?");
    this.#scanBackward = db.prepare(
      "SELECT position, lane FROM events WHERE position < ? ORDER BY position DESC LIMIT ?",
    );
    this.#laneForward = db.prepare(
      `SELECT position FROM events INDEXED BY events_by_lane
       WHERE block = ? AND lane = ? AND position > ? ORDER BY position LIMIT ?`,
    );
    this.#laneBackward = db.prepare(
      `SELECT position FROM events INDEXED BY events_by_lane
       WHERE block = ? AND lane = ? AND position < ? ORDER BY position DESC LIMIT ?`,
    );
    for (const statement of [
      this.#event,
      this.#scanForward,
      this.#scanBackward,
      this.#laneForward,
      this.#laneBackward,
    ]) {
      statement.setReturnArrays(true);
    }
    this.#lanes = new LaneSearch(db);
    this.#trimmed = new TrimmedLanes(db);
  }

  /** Walks as far as its bounds let it. */
  walk(walk: Walk): Walked {
    this.#begin.run();
    try {
      const row = this.#bounds.get();
      const trimmedThrough = Number(row?.["trimmed_through"]);
      const newest = Number(row?.["newest"] ?? trimmedThrough);
      return this.#walk(walk, { trimmedThrough, newest, forgottenThrough: Number(row?.["forgotten_through"]) });
    } finally {
      this.#commit.run();
    }
  }

  #walk(walk: Walk, { trimmedThrough, forgottenThrough, newest }: Bounds): Walked {
    const { interest, isForward, limit, limitBytes } = walk;
    const hasGap =
      isForward && (walk.from < forgottenThrough || this.#trimmed.hasGap(interest, walk.from, trimmedThrough));
    const from = isForward ? Math.max(walk.from, trimmedThrough) : Math.min(walk.from, newest + 1);
    const end = isForward ? Math.max(from, newest) : trimmedThrough + 1;
    const found = this.#find(interest, isForward, from, end, limit);
    const positions: number[] = [];
    const fields: (string | null)[] = [];
    let reached = found.reached;
    let bytes = 0;
    for (const position of found.positions) {
      const event = this.#load(position);
      positions.push(position);
      fields.push(event.topic, event.type, event.id, event.time, event.data, event.dataContentType);
      bytes += Buffer.byteLength(event.json);
      if (bytes >= limitBytes || positions.length >= limit) {
        reached = position;
        break;
      }
    }
    return { positions, fields, reached, isEnd: isForward ? reached >= end : reached <= end, hasGap, trimmedThrough };
  }

  /** Where the next events are that match, `limit` at the most. */
  #find(interest: Interest, isForward: boolean, from: number, end: number, limit: number): Finding {
    if (isForward ? from >= end : from <= end) return { positions: [], reached: end };
    const isExact = exactTopics(interest) !== null;
    const { shortScan, longScan, fewLanes } = this.#limits;
    let lanes = isExact ? this.#lanes.lanesOf(interest) : undefined;
    if (lanes?.length === 0) return { positions: [], reached: end };
    if (lanes !== undefined && lanes !== null && lanes.length <= fewLanes) {
      return this.#merge(lanes, isForward, from, end, limit);
    }
    const start = this.#scan(interest, isForward, from, end, limit, shortScan);
    if (start.positions.length >= limit || start.reached === end) return start;
    if (lanes === undefined) lanes = this.#lanes.lanesOf(interest);
    const left = limit - start.positions.length;
    const rest =
      lanes === null
        ? this.#scan(interest, isForward, start.reached, end, left, longScan - shortScan)
        : this.#merge(lanes, isForward, start.reached, end, left);
    return { positions: [...start.positions, ...rest.positions], reached: rest.reached };
  }

  /** Looks at all events, `budget` at the most. */
  #scan(interest: Interest, isForward: boolean, from: number, end: number, limit: number, budget: number): Finding {
    const isChosen = this.#lanes.chooser(interest);
    const positions: number[] = [];
    let looked = 0;
    let reached = from;
    const rows = (isForward ? this.#scanForward : this.#scanBackward).iterate(from, budget) as Iterable<unknown>;
    for (const [position, lane] of rows as Iterable<[number, number]>) {
      looked += 1;
      reached = position;
      if (!isChosen(lane)) continue;
      positions.push(position);
      if (positions.length >= limit) return { positions, reached };
    }
    return { positions, reached: looked < budget ? end : reached };
  }

  /** Takes the next events of each lane and puts them in order, block by block. */
  #merge(lanes: readonly number[], isForward: boolean, from: number, end: number, limit: number): Finding {
    const statement = isForward ? this.#laneForward : this.#laneBackward;
    const step = isForward ? 1 : -1;
    const positions: number[] = [];
    let seeks = 0;
    for (let block = blockOf(from + step); ; block += step) {
      const left = limit - positions.length;
      const inBlock: number[] = [];
      for (const lane of lanes) {
        for (const [position] of statement.all(block, lane, from, left) as unknown as [number][])
          inBlock.push(position);
      }
      inBlock.sort((a, b) => (a - b) * step);
      for (const position of inBlock.slice(0, left)) positions.push(position);
      seeks += lanes.length;
      if (positions.length >= limit) return { positions, reached: positions.at(-1) as number };
      if (block === blockOf(end)) return { positions, reached: end };
      if (seeks + lanes.length > this.#limits.seeks) {
        return { positions, reached: isForward ? endOfBlock(block) : endOfBlock(block - 1) + 1 };
      }
    }
  }

  #load(position: number): StoredEvent {
    const row = this.#event.get(position) as unknown as [number, string, unknown, string, string | null];
    const [lane, id, time, data, dataContentType] = row;
    const { topic, type } = this.#lanes.name(lane);
    return new StoredEvent({
      epoch: this.#epoch,
      position,
      topic,
      type,
      id,
      time: decodeTime(time),
      data,
      dataContentType,
    });
  }
}
