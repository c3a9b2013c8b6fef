import type { EventDraft, StoredEvent } from "./event.ts";
import type { Interest } from "./interest.ts";

/** What became of one appended draft. */
export interface Appended {
  /** Id of the event as published. */
  readonly id: string;
  /** Position of the event; of the first one if the draft was a duplicate. */
  readonly position: number;
  /** The same id was published to the same topic inside the deduplication window: nothing was added. */
  readonly isDuplicate: boolean;
}

/** A question to the log: matching events after a position. */
export interface ReadQuery {
  readonly interest: Interest;
  /** Events with a greater position are asked for; 0 is the beginning. */
  readonly after: number;
  /** At most so many events, at least 1. */
  readonly limit: number;
  /** Stop after the event that reaches so many bytes of event JSON; a page holds at least one event if there is one. */
  readonly limitBytes: number;
}

/** A part of the log, filtered. */
export interface Page {
  readonly events: readonly StoredEvent[];
  /** Everything that matches up to and with this position is in this page or before it. Never below `after`. */
  readonly position: number;
  /** The end of the log was reached: `position` was the newest when the page was read. */
  readonly isCaughtUp: boolean;
  /**
   * Set if an event that matches was trimmed after `after`: the reader missed something. The value is a position
   * after which reading gives the first retained event without a gap.
   */
  readonly gapUntil: number | null;
}

/** First and last place that the log still holds. */
export interface Bounds {
  /** Everything up to this position has been trimmed; 0 if nothing was. */
  readonly trimmedThrough: number;
  /** Position of the newest event; 0 in a log that never had one. */
  readonly newest: number;
}

/** Limits of what is retained; whichever is met first. */
export interface Retention {
  readonly ageMs: number;
  readonly events: number;
  readonly bytes: number;
}

/**
 * The ordered, retained sequence of all events: the only truth. Implementations: memory, SQLite.
 *
 * - Positions are positive integers that rise by append order. An aborted append leaves no position behind that a
 *   reader could have seen.
 * - `append` resolves when the events are durable, all or none; the tail has them before the promise's reactions run.
 * - An event that was not made durable is never read nor tailed.
 * - Nothing ever throws for an old position: the page says what is missing.
 * - A topic from which nothing that matches was trimmed has no gap, however old the position.
 */
export interface EventLog {
  /** Which log this is; part of each cursor. The same after a restart, if the events are. */
  readonly epoch: string;
  /**
   * Append in order, atomically.
   * @throws {SluiceError} `log-unavailable` if it can't be made durable
   */
  append(drafts: readonly EventDraft[]): Promise<readonly Appended[]>;
  /** A page of matching events after a position, oldest first. */
  read(query: ReadQuery): Promise<Page>;
  /** The newest `count` retained events that match and are not behind `upTo`, oldest first. The page's position is `upTo`. */
  readLast(interest: Interest, count: number, upTo: number): Promise<Page>;
  /** Every event that became durable, in log order, in batches. The answer ends it. */
  tail(listener: (batch: readonly StoredEvent[]) => void): () => void;
  bounds(): Bounds;
  /** Takes new limits; applied within seconds. */
  setRetention(retention: Retention): void;
  /** Whether events are stored and read now: not closed, all parts of it run, and the last append did not fail. */
  readonly isWritable: boolean;
  /** How often a part of it has ended by itself and was started again. */
  readonly restarts: number;
  /** Waits for what is under way, then lets go of everything. */
  close(): Promise<void>;
}
