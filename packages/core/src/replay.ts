import type { Gap } from "./gap.ts";
import type { Clause, Interest } from "./interest.ts";

/** Where a reader begins: at the newest event, the oldest retained one, behind a cursor, or with the newest N. */
export type Start = "latest" | "earliest" | { readonly cursor: string } | { readonly last: number };

/** What the one who asked for topics is told. Both answer like {@link Sink.write}. */
export interface ReplayObserver {
  /** Events between the asked-for start and what follows are missing. Told at most once, before any event. */
  gap(gap: Gap): boolean;
  /** The replay has reached the head; from here the topics are live, and `position` holds for the whole connection. */
  live?(position: number): boolean;
}

/** Topics being caught up with, on their way into the live part of a subscription. */
export interface Replay {
  readonly interest: Interest;
  readonly observer: ReplayObserver;
  /** Events per page at the most. */
  readonly limit: number;
  /** The reader has everything of the interest after this; set once the start is resolved. */
  since: number;
  /** Everything after `since` up to here has been handed over. */
  position: number;
  /** A gap that is known from the start (the cursor was of another log). */
  gap: Gap | null;
  /** Whether the first page may tell a gap: not from `earliest`, and once only. */
  mayGap: boolean;
  /** First the newest `last` events; 0 when that is done or not asked for. */
  last: number;
  isCancelled: boolean;
}

/** A clause that is live: what matches it after `since` is or will be handed over. */
export interface LiveClause {
  readonly clause: Clause;
  readonly since: number;
}
