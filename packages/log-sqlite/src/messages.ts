import type { Interest, Retention } from "@sluice/core";

/** Strings per event in {@link AppendMessage.fields}: topic, type, id, time, data, dataContentType. */
export const FIELDS_PER_EVENT = 6;

/** What a worker needs to begin. */
export type WorkerInit =
  | {
      readonly role: "writer";
      readonly folder: string;
      /** For a log that doesn't exist yet. */
      readonly newEpoch: string;
      readonly nowMs: number;
      readonly retention: Retention;
      readonly deduplicationMs: number;
      readonly maxFileBytes: number | null;
      readonly maxLanes: number;
      /** What a thread before this one left behind; `null` for the first one. */
      readonly former: Former | null;
    }
  | {
      readonly role: "reader";
      readonly folder: string;
      /** The log's, if it is open for writing by now; else it is told with "open". */
      readonly epoch: string | null;
    };

/** What is known of a writer that ended by itself. */
export interface Former {
  readonly epoch: string;
  /** Position of the last event that it told of. */
  readonly newest: number;
  /** The group that it had under way, and of which nobody knows whether it is stored; without appends if it was idle. */
  readonly group: AppendMessage;
  /** Whether what of it is not stored is to be stored now. Not so if it ended another thread already. */
  readonly mayStore: boolean;
}

/** A group of appends, each atomic in itself, that share one transaction if all goes well. */
export interface AppendMessage {
  readonly kind: "append";
  /** Storing time of all of them, Unix milliseconds; never falls. */
  readonly nowMs: number;
  /** Number of events of each append. */
  readonly counts: readonly number[];
  /** The events of all appends, flat: plain strings in one array are what structured cloning is quickest at. */
  readonly fields: readonly (string | null)[];
}

/** From the log to its writer. */
export type ToWriter =
  | AppendMessage
  | { readonly kind: "tick"; readonly nowMs: number }
  | { readonly kind: "retain"; readonly nowMs: number; readonly retention: Retention }
  | { readonly kind: "probe" }
  | { readonly kind: "close" };

/** What became of an {@link AppendMessage}. The payloads don't come back: the log still has its drafts. */
export interface AppendedMessage {
  readonly kind: "appended";
  /** Position of the first event that was added; those after it follow without a hole. */
  readonly first: number;
  /** Pairs: index of an event that is a duplicate, and the position of the event it repeats. */
  readonly duplicates: readonly number[];
  /** Appends of which nothing was stored. */
  readonly failures: readonly AppendFailure[];
  /** Whether an append failed since the disk, and not the event, refused it, and none succeeded after that. */
  readonly isDiskFailing: boolean;
}

/** An append that failed. */
export interface AppendFailure {
  /** Index in `counts`. */
  readonly index: number;
  readonly reason: string;
}

/** From the writer to its log. */
export type FromWriter =
  | {
      readonly kind: "opened";
      readonly epoch: string;
      readonly newest: number;
      readonly trimmedThrough: number;
      /** Storing time of the newest event, 0 if there never was one. */
      readonly storedAtMs: number;
      /** What became of the group of a {@link Former}; `null` without one. */
      readonly answer: AppendedMessage | null;
    }
  | { readonly kind: "refused"; readonly reason: string }
  | AppendedMessage
  | { readonly kind: "trimmed"; readonly through: number }
  | { readonly kind: "probed"; readonly isWritable: boolean }
  /** Housekeeping failed. */
  | { readonly kind: "trouble"; readonly reason: string };

/** A way through the log from a place on, forwards or backwards, past what matches. */
export interface Walk {
  readonly interest: Interest;
  readonly isForward: boolean;
  /** The walk begins right behind this position (in its direction). */
  readonly from: number;
  readonly limit: number;
  readonly limitBytes: number;
}

/** What was found on a {@link Walk}. */
export interface Walked {
  /** In the direction of the walk. */
  readonly positions: readonly number[];
  /** The events at these positions, flat, as in {@link AppendMessage.fields}. */
  readonly fields: readonly (string | null)[];
  /** The walk came to and past this position. */
  readonly reached: number;
  /** The end of the log (forwards) or of what is retained (backwards) was reached. */
  readonly isEnd: boolean;
  /** Whether something that matches was trimmed after `from`; forwards only. */
  readonly hasGap: boolean;
  readonly trimmedThrough: number;
}

/** From the log to its reader. */
export type ToReader =
  | { readonly kind: "open"; readonly epoch: string }
  | { readonly kind: "walk"; readonly ticket: number; readonly walk: Walk }
  | { readonly kind: "close" };

/** From the reader to its log. */
export type FromReader =
  | { readonly kind: "opened" }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "walked"; readonly ticket: number; readonly walked: Walked }
  | { readonly kind: "failed"; readonly ticket: number; readonly reason: string };
