/** Marks the file as Sluice's (`PRAGMA application_id`): "SLLG". */
export const APPLICATION_ID = 0x53_4c_4c_47;

/** Format of the file (`PRAGMA user_version`). A file of a higher one is refused. */
export const FORMAT_VERSION = 1;

/** Events per block, as a power of two; see `events_by_lane`. */
const BLOCK_BITS = 14;

/** The block that a position lies in. */
export function blockOf(position: number): number {
  return Math.floor(position / 2 ** BLOCK_BITS);
}

/** The last position of a block. */
export function endOfBlock(block: number): number {
  return (block + 1) * 2 ** BLOCK_BITS - 1;
}

/**
 * The tables.
 *
 * - A lane is a topic and a type: what events repeat is stored once. Its id is never given twice (AUTOINCREMENT), so that
 *   one may be remembered. `trimmed` has, for lanes of which something was trimmed, the position of the last such event:
 *   what makes gaps precise.
 * - `events_by_lane` leads from a lane to its events, block by block of 16 384 positions. Were it by lane alone, each of a
 *   group's events would change another page of the whole index: with 100 000 topics and a million events that made a
 *   third of the throughput. So a group changes some fifty pages at the most, and a reader seeks 61 times in a million.
 * - `time` is Unix milliseconds if that gives the event's text back, else the text. `stored_at` never falls from one
 *   position to the next; `bytes_through` is the size of all events up to and with this one since the log began, so
 *   that what is retained is a difference of two.
 * - `trimmed_ids` keeps the ids of events that were trimmed inside the deduplication window, those trimmed together in one
 *   row: a JSON array of `"topic id"` and storing time by turns, for consecutive positions up to `last`.
 */
export const SCHEMA: string = `
CREATE TABLE log (
  epoch TEXT NOT NULL,
  trimmed_through INTEGER NOT NULL,
  trimmed_bytes INTEGER NOT NULL,
  trimmed_at INTEGER NOT NULL,
  forgotten_through INTEGER NOT NULL
) STRICT;
CREATE TABLE lanes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  topic TEXT NOT NULL,
  type TEXT NOT NULL,
  UNIQUE (topic, type)
) STRICT;
CREATE TABLE trimmed (
  lane INTEGER PRIMARY KEY,
  position INTEGER NOT NULL
) STRICT;
CREATE INDEX trimmed_by_position ON trimmed (position);
CREATE TABLE events (
  position INTEGER PRIMARY KEY,
  lane INTEGER NOT NULL,
  id TEXT NOT NULL,
  time ANY NOT NULL,
  data TEXT NOT NULL,
  content_type TEXT,
  stored_at INTEGER NOT NULL,
  bytes_through INTEGER NOT NULL,
  block INTEGER NOT NULL GENERATED ALWAYS AS (position >> ${BLOCK_BITS}) VIRTUAL
) STRICT;
CREATE INDEX events_by_lane ON events (block, lane);
CREATE TABLE trimmed_ids (
  last INTEGER PRIMARY KEY,
  stored_at INTEGER NOT NULL,
  keys TEXT NOT NULL
) STRICT;
`;
