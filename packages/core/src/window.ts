import type { StoredEvent } from "./event.ts";
import { exactTopics, isInterested, type Interest } from "./interest.ts";

/** Bounds of a {@link Window}. */
export interface WindowLimits {
  readonly events: number;
  readonly bytes: number;
}

/** What a window could say at once. */
export interface WindowPage {
  readonly events: readonly StoredEvent[];
  readonly position: number;
  readonly isCaughtUp: boolean;
}

/** Events of one topic, oldest first; those before `start` have left the window. */
interface Lane {
  events: StoredEvent[];
  start: number;
}

/** Vacant places at the front of an array that are worth moving the rest for; low, since vacant places keep events alive. */
const COMPACT_AT = 32;

/**
 * The newest events in memory, in front of any log: bounded by count and bytes, with the events of each topic
 * linked, so that a reader of a few topics doesn't walk through all the others.
 */
export class Window {
  readonly #limits: WindowLimits;
  readonly #lanes = new Map<string, Lane>();
  #events: StoredEvent[] = [];
  #start = 0;
  #bytes = 0;
  /** Everything after this position is here. */
  #from: number;
  #newest: number;

  /** A window behind `position`: it has all events after that, so none yet. */
  constructor(limits: WindowLimits, position: number) {
    this.#limits = limits;
    this.#from = position;
    this.#newest = position;
  }

  /** A reader at this position or later can be served from here. */
  get from(): number {
    return this.#from;
  }

  /** Position of the newest event. */
  get newest(): number {
    return this.#newest;
  }

  get size(): number {
    return this.#events.length - this.#start;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The oldest event held. */
  get oldest(): StoredEvent | undefined {
    return this.#events[this.#start];
  }

  /** Adds events, in log order; calls `onDrop` for each that had to leave. */
  add(batch: readonly StoredEvent[], onDrop?: (event: StoredEvent) => void): void {
    for (const event of batch) {
      this.#events.push(event);
      this.#bytes += event.sizeBytes;
      this.#newest = event.position;
      const lane = this.#lanes.get(event.topic);
      if (lane === undefined) this.#lanes.set(event.topic, { events: [event], start: 0 });
      else lane.events.push(event);
    }
    while (this.size > this.#limits.events || (this.#bytes > this.#limits.bytes && this.size > 1)) this.#drop(onDrop);
  }

  /** Lets go of everything up to and with the position. */
  trimThrough(position: number, onDrop?: (event: StoredEvent) => void): void {
    for (let event = this.oldest; event !== undefined && event.position <= position; event = this.oldest) {
      this.#drop(onDrop);
    }
    if (position > this.#from) this.#from = position;
    if (position > this.#newest) this.#newest = position;
  }

  /** Lets go of the oldest event. */
  dropOldest(onDrop?: (event: StoredEvent) => void): void {
    if (this.size > 0) this.#drop(onDrop);
  }

  /**
   * Matching events after the position, which must not be before {@link from}. At most `limitScanned` events are looked
   * at: then the page says how far it got.
   */
  read(
    interest: Interest,
    after: number,
    limit: number,
    limitBytes: number,
    limitScanned: number = Number.POSITIVE_INFINITY,
  ): WindowPage {
    const events: StoredEvent[] = [];
    let bytes = 0;
    let scanned = 0;
    for (const event of this.#candidates(interest, after)) {
      scanned += 1;
      if (isInterested(interest, event)) {
        events.push(event);
        bytes += event.jsonBytes;
      }
      if (events.length >= limit || bytes >= limitBytes || scanned >= limitScanned) {
        return { events, position: event.position, isCaughtUp: event.position === this.#newest };
      }
    }
    return { events, position: Math.max(after, this.#newest), isCaughtUp: true };
  }

  /** The newest `count` matching events up to a position, oldest first; `isComplete` if the window holds no more of them. */
  readLast(interest: Interest, count: number, upTo: number): { events: StoredEvent[]; isComplete: boolean } {
    const events: StoredEvent[] = [];
    const topics = exactTopics(interest);
    const source = topics?.length === 1 ? (this.#lanes.get(topics[0] as string)?.events ?? []) : this.#events;
    const start = topics?.length === 1 ? (this.#lanes.get(topics[0] as string)?.start ?? 0) : this.#start;
    for (let index = source.length - 1; index >= start; index -= 1) {
      if (events.length >= count) return { events: events.toReversed(), isComplete: false };
      const event = source[index] as StoredEvent;
      if (event.position <= upTo && isInterested(interest, event)) events.push(event);
    }
    return { events: events.toReversed(), isComplete: true };
  }

  #candidates(interest: Interest, after: number): Iterable<StoredEvent> {
    const topics = exactTopics(interest);
    if (topics === null || topics.length > 8) return tail(this.#events, this.#start, after);
    if (topics.length === 1) {
      const lane = this.#lanes.get(topics[0] as string);
      return lane === undefined ? [] : tail(lane.events, lane.start, after);
    }
    const lanes: Generator<StoredEvent>[] = [];
    for (const topic of topics) {
      const lane = this.#lanes.get(topic);
      if (lane !== undefined) lanes.push(tail(lane.events, lane.start, after));
    }
    return merged(lanes);
  }

  #drop(onDrop: ((event: StoredEvent) => void) | undefined): void {
    const event = this.#events[this.#start] as StoredEvent;
    this.#start += 1;
    this.#bytes -= event.sizeBytes;
    this.#from = event.position;
    const lane = this.#lanes.get(event.topic) as Lane;
    lane.start += 1;
    if (lane.start === lane.events.length) this.#lanes.delete(event.topic);
    else if (lane.start >= COMPACT_AT && lane.start * 2 >= lane.events.length) {
      lane.events = lane.events.slice(lane.start);
      lane.start = 0;
    }
    if (this.#start >= COMPACT_AT && this.#start * 2 >= this.#events.length) {
      this.#events = this.#events.slice(this.#start);
      this.#start = 0;
    }
    onDrop?.(event);
  }
}

/** The events of a few lanes in log order. */
function* merged(lanes: readonly Generator<StoredEvent>[]): Generator<StoredEvent> {
  const heads = lanes.map((lane) => lane.next());
  for (;;) {
    let first = -1;
    for (const [at, head] of heads.entries()) {
      if (head.done === true) continue;
      const best = heads[first];
      if (best === undefined || best.done === true || head.value.position < best.value.position) first = at;
    }
    const head = heads[first];
    if (head === undefined || head.done === true) return;
    yield head.value;
    heads[first] = (lanes[first] as Generator<StoredEvent>).next();
  }
}

/** The events after a position, of an array in log order whose first `start` places are vacant. */
function* tail(events: readonly StoredEvent[], start: number, after: number): Generator<StoredEvent> {
  let low = start;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((events[middle] as StoredEvent).position <= after) low = middle + 1;
    else high = middle;
  }
  for (let index = low; index < events.length; index += 1) yield events[index] as StoredEvent;
}
