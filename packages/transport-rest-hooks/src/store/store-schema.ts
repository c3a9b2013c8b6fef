import { chmodSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Marks the file as Sluice's (`PRAGMA application_id`): "SLHK". */
export const APPLICATION_ID = 0x53_4c_48_4b;

/**
 * The steps from an empty file to the present format; their number is the format's version (`PRAGMA user_version`). A
 * step that has been published never changes.
 *
 * - A hook's number stands for it in the other tables. A hook that is gone stays, as a tombstone.
 * - `lanes` has what failed and waits. `is_stopped`: its hook may not be delivered to; `is_taken`: somebody is at it, 1 or
 *   less than 0: minus the ticket by which it was asked for.
 * - `attempts` is a ring for each hook: a slot is written again when its turn comes.
 * - `dead` is numbered by hook and attempt, so that a letter that is handed over twice is there once.
 */
const MIGRATIONS: readonly string[] = [
  `
CREATE TABLE hooks (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  record TEXT NOT NULL,
  cursor TEXT
) STRICT;
CREATE TABLE lanes (
  hook INTEGER NOT NULL,
  lane TEXT NOT NULL,
  position INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  step INTEGER NOT NULL,
  due_at INTEGER,
  is_stopped INTEGER NOT NULL DEFAULT 0,
  is_taken INTEGER NOT NULL DEFAULT 0,
  event TEXT,
  PRIMARY KEY (hook, lane)
) STRICT;
CREATE INDEX lanes_by_due ON lanes (due_at) WHERE due_at IS NOT NULL AND is_stopped = 0 AND is_taken = 0;
CREATE TABLE attempts (
  hook INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  number INTEGER NOT NULL,
  event_id TEXT NOT NULL,
  topic TEXT NOT NULL,
  cursor TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  at INTEGER NOT NULL,
  duration REAL NOT NULL,
  outcome TEXT NOT NULL,
  status INTEGER,
  error TEXT,
  response TEXT,
  PRIMARY KEY (hook, slot)
) STRICT, WITHOUT ROWID;
CREATE TABLE dead (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  hook INTEGER NOT NULL,
  event TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  reason TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX dead_by_hook ON dead (hook, number);
`,
];

/** A file that can't be used as a store of hooks. */
export class StoreOpenError extends Error {
  override readonly name = "StoreOpenError";
}

/** Opens the store, a file unless it is in memory, and brings it to the present format. @throws {StoreOpenError} */
export function openStore(location: string, isInMemory: boolean): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    if (!isInMemory) mkdirSync(dirname(location), { recursive: true });
    db = new DatabaseSync(location, { timeout: 5000 });
    // It holds secrets.
    if (!isInMemory) chmodSync(location, 0o600);
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = 1;
      PRAGMA checkpoint_fullfsync = 1; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864;`);
    migrate(db);
    return db;
  } catch (error) {
    db?.close();
    if (error instanceof StoreOpenError) throw error;
    throw new StoreOpenError(`The hooks' file ${location} can't be used: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function migrate(db: DatabaseSync): void {
  const version = pragma(db, "user_version");
  const application = pragma(db, "application_id");
  const isOurs = application === APPLICATION_ID || (application === 0 && version === 0);
  if (!isOurs) throw new StoreOpenError("The hooks' file belongs to another application.");
  if (version > MIGRATIONS.length) {
    throw new StoreOpenError(
      `The hooks' file has format ${version}, and this version knows ${MIGRATIONS.length} at the most.`,
    );
  }
  for (const [index, step] of MIGRATIONS.entries()) {
    if (index < version) continue;
    db.exec(
      `BEGIN IMMEDIATE; ${step} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${index + 1}; COMMIT;`,
    );
  }
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}
