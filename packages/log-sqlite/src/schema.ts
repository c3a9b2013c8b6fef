/** Marks the file as Sluice's (`PRAGMA application_id`): "SLLG". */
export const APPLICATION_ID = 0x53_4c_4c_47;

/** Format of the file (`PRAGMA user_version`). A file of a higher one is refused. */
export const FORMAT_VERSION = 1;

/**
 * The tables.
 *
 * - A lane is a topic and a type: what an event repeats is stored once, and the index by lane is what readers of few
 *   topics walk. Its id is never given twice (AUTOINCREMENT), so that one may be remembered. `trimmed` is the position
 *   of its last trimmed event, 0 if none is known: what makes gaps precise.
 * - `time` is Unix milliseconds if that gives the event's text back, else the text. `stored_at` never falls from one
 *   position to the next; `bytes_through` is the size of all events up to and with this one since the log began, so
 *   that what is retained is a difference of two.
 * - `trimmed_ids` keeps the ids of events that were trimmed inside the deduplication window, those trimmed together in one
 *   row: a JSON array of `"topic id"` and storing time by turns, for consecutive positions up to `last`.
 */
export const SCHEMA = `
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
  trimmed INTEGER NOT NULL DEFAULT 0,
  UNIQUE (topic, type)
) STRICT;
CREATE INDEX lanes_by_trimmed ON lanes (trimmed) WHERE trimmed > 0;
CREATE TABLE events (
  position INTEGER PRIMARY KEY,
  lane INTEGER NOT NULL,
  id TEXT NOT NULL,
  time ANY NOT NULL,
  data TEXT NOT NULL,
  content_type TEXT,
  stored_at INTEGER NOT NULL,
  bytes_through INTEGER NOT NULL
) STRICT;
CREATE INDEX events_by_lane ON events (lane);
CREATE TABLE trimmed_ids (
  last INTEGER PRIMARY KEY,
  stored_at INTEGER NOT NULL,
  keys TEXT NOT NULL
) STRICT;
`;
