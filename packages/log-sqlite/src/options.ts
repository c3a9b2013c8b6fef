import type { Clock, Logger, Retention } from "@sluice/core";
import type { LogLostError } from "./log-lost-error.ts";

/** Options of {@link openSqliteLog}. */
export interface SqliteLogOptions {
  /** The log's folder; made if it is missing. One process at a time. */
  readonly path: string;
  /** What is kept. `bytes` counts the events as JSON, which is about what they take in the file. */
  readonly retention: Retention;
  /** How long a repeated id is recognised; 0 never. The newest 4 194 304 ids at the most are remembered. */
  readonly deduplicationMs: number;
  /** The file never gets larger than that: appends fail as on a full disk. Default: no bound but the disk. */
  readonly maxFileBytes?: number;
  /**
   * The most pairs of topic and type that are remembered once their events are trimmed; default 1 000 000. Where there
   * are more, those trimmed longest ago are forgotten, and a reader from before that is told a gap to be safe.
   */
  readonly maxLanes?: number;
  /** The most that may wait to be stored; beyond that appends fail. Default 100 000 events, 64 MiB. */
  readonly maxWaiting?: { readonly events: number; readonly bytes: number };
  readonly clock?: Clock;
  readonly logger?: Logger;
  /**
   * A thread of the log ended again and again: it takes no more events, or can't be read any more. The process had
   * better end, so that whoever supervises it starts it anew. May be told once for each of the two threads.
   */
  readonly onLost?: (error: LogLostError) => void;
}

/**
 * All that is wrong with options, in one error.
 * @throws {RangeError}
 */
export function checkOptions(options: SqliteLogOptions): void {
  const faults: string[] = [];
  if (options.path === "") faults.push("path is empty");
  const numbers: Readonly<Record<string, number | undefined>> = {
    "retention.ageMs": options.retention.ageMs,
    "retention.events": options.retention.events,
    "retention.bytes": options.retention.bytes,
    deduplicationMs: options.deduplicationMs,
    maxFileBytes: options.maxFileBytes,
    maxLanes: options.maxLanes,
    "maxWaiting.events": options.maxWaiting?.events,
    "maxWaiting.bytes": options.maxWaiting?.bytes,
  };
  for (const [name, value] of Object.entries(numbers)) {
    if (value !== undefined && !(value >= 0)) faults.push(`${name} is not a number from 0 on`);
  }
  if (faults.length > 0) throw new RangeError(`The options of the SQLite log are not valid: ${faults.join("; ")}.`);
}
