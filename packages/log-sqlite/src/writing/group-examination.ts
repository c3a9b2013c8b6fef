import type { DatabaseSync } from "node:sqlite";
import type { Duplicates } from "./duplicates.ts";
import { decodeTime } from "../file/event-time.ts";
import { LogOpenError } from "../log-open-error.ts";
import { FIELDS_PER_EVENT, type AppendFailure, type AppendMessage } from "../messages.ts";

/** What of a group of appends is in the file. */
export interface GroupExamination {
  /** So many appends are decided, from the first on: the last of them is stored. What is behind it is not. */
  readonly decided: number;
  /** Of the decided appends; as in `AppendedMessage`. */
  readonly duplicates: readonly number[];
  /** Of the decided appends, those that a writer could not store by themselves. */
  readonly failures: readonly AppendFailure[];
}

type Row = readonly (string | null)[];

/**
 * Finds out what a writer that ended had stored of the group that it had under way. It stored nothing else behind
 * `newest`, and appends in their order, each whole or not at all: so the events there are the group's without those
 * that are duplicates, and without appends that failed by themselves.
 * @throws {LogOpenError} if they are not
 */
export function examineGroup(
  db: DatabaseSync,
  duplicates: Duplicates,
  { counts, fields }: AppendMessage,
  newest: number,
): GroupExamination {
  const events = counts.reduce((sum, count) => sum + count, 0);
  const rows = rowsAfter(db, newest, events + 1);
  const decided = { count: 0, duplicates: [] as number[], failures: [] as AppendFailure[] };
  // Of appends of which nothing is stored, as long as nobody knows whether one behind them is.
  let open = { duplicates: [] as number[], failures: [] as AppendFailure[] };
  let nextRow = 0;
  let from = 0;
  for (const [index, count] of counts.entries()) {
    let row = nextRow;
    const known: number[] = [];
    let isWhole = true;
    for (let event = from; event < from + count; event += 1) {
      if (isSame(fields, event, rows[row])) {
        row += 1;
        continue;
      }
      const at = event * FIELDS_PER_EVENT;
      const first = duplicates.find(fields[at] as string, fields[at + 2] as string);
      if (first === null) isWhole = false;
      else known.push(event, first);
    }
    from += count;
    if (isWhole) open.duplicates.push(...known);
    else open.failures.push({ index, reason: "it could not be stored, and the thread that knew why has ended" });
    if (!isWhole || row === nextRow) continue;
    nextRow = row;
    decided.count = index + 1;
    decided.duplicates.push(...open.duplicates);
    decided.failures.push(...open.failures);
    open = { duplicates: [], failures: [] };
  }
  if (nextRow < rows.length)
    throw new LogOpenError("The log holds events that another process has written: stop that one.");
  return { decided: decided.count, duplicates: decided.duplicates, failures: decided.failures };
}

/** The events behind the position, in the form of a group's fields. */
function rowsAfter(db: DatabaseSync, newest: number, limit: number): readonly Row[] {
  const select = db.prepare(
    `SELECT topic, type, events.id, time, data, content_type
     FROM events CROSS JOIN lanes ON lanes.id = lane WHERE position > ? ORDER BY position LIMIT ?`,
  );
  select.setReturnArrays(true);
  type Stored = readonly [string, string, string, unknown, string, string | null];
  const rows = select.all(newest, limit) as unknown as readonly Stored[];
  return rows.map(([topic, type, id, time, data, contentType]) => [
    topic,
    type,
    id,
    decodeTime(time),
    data,
    contentType,
  ]);
}

function isSame(fields: AppendMessage["fields"], event: number, row: Row | undefined): boolean {
  if (row === undefined) return false;
  const at = event * FIELDS_PER_EVENT;
  return row.every((value, index) => fields[at + index] === value);
}
