import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { checkHead, checkLogFile } from "./log-file-check.ts";
import { LogOpenError } from "../log-open-error.ts";
import { APPLICATION_ID, FORMAT_VERSION, SCHEMA } from "./schema.ts";

/** How long a statement waits for a lock that somebody else holds: a person with the sqlite3 shell, say. */
export const BUSY_MS = 5000;
/** Pages of the write-ahead log at which a commit puts them into the file: 4 MiB. */
const CHECKPOINT_PAGES = 1000;
/** The write-ahead log is cut when it is larger than that, as it may get while it is read without a pause. */
export const WAL_BYTES: number = 64 * 1024 * 1024;

/** The file with the events, in the log's folder. */
export function logFileIn(folder: string): string {
  return join(folder, "log.db");
}

function lockFileIn(folder: string): string {
  return join(folder, "lock.db");
}

/** What {@link openLogFolder} gives to the writer. */
export interface LogFolder {
  readonly db: DatabaseSync;
  /** Lets go of the file, then of the lock. */
  readonly close: () => void;
}

/**
 * Makes a folder and those above it. One by one: with `recursive`, Node 24 asks without end where the answer is that
 * there is no such thing though the folder above is there, as in /proc.
 */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  const above = dirname(resolve(folder));
  if (above !== resolve(folder)) makeFolder(above);
  mkdirSync(folder);
}

/**
 * Opens the log in a folder for writing; makes both where they are missing.
 * @throws {LogOpenError} if there is something else, something broken or somebody else
 */
export function openLogFolder(folder: string, newEpoch: string): LogFolder {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === false) {
    throw new LogOpenError(`${folder} is no folder: name one for the log.`);
  }
  try {
    makeFolder(folder);
  } catch (error) {
    throw new LogOpenError(
      `The log's folder ${folder} can't be made (${reasonOf(error)}): make it, or name another one.`,
      { cause: error },
    );
  }
  const path = logFileIn(folder);
  // Before anything of ours is put beside what may be somebody else's. Where our lock is, it comes first: to open and
  // close a file that this process has open as a log already would take SQLite's own locks from it.
  if (existsSync(path) && !existsSync(lockFileIn(folder))) checkHead(path);
  return locked(folder, () => {
    if (existsSync(path)) checkLogFile(path);
    else createLogFile(folder, newEpoch);
  });
}

/**
 * Opens a log for writing that this process has had open, and that another thread of it may be reading. The file is not
 * looked at as plain bytes again: to close it after that would take SQLite's locks from the one who reads.
 * @throws {LogOpenError} if it is not there any more, can't be opened, or somebody else has it by now
 */
export function reopenLogFolder(folder: string): LogFolder {
  const path = logFileIn(folder);
  return locked(folder, () => {
    if (!existsSync(path)) throw new LogOpenError(`The log ${path} is gone: put it back.`);
  });
}

/** Opens the file, once it has been prepared, under the folder's lock. */
function locked(folder: string, prepare: () => void): LogFolder {
  const lock = takeLock(folder);
  try {
    prepare();
    const db = openForWriting(logFileIn(folder));
    return {
      db,
      close: () => {
        db.close();
        lock.close();
      },
    };
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** Opens a log that is open for writing for reading too. */
export function openForReading(folder: string): DatabaseSync {
  const db = new DatabaseSync(logFileIn(folder), { readOnly: true, timeout: BUSY_MS });
  db.exec("PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY;");
  return db;
}

/** One process per folder: a transaction that never ends on a file of its own; the system ends it with the process. */
function takeLock(folder: string): DatabaseSync {
  const path = lockFileIn(folder);
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(path, { timeout: 0 });
    lock.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE;");
    return lock;
  } catch (error) {
    lock?.close();
    const isBusy = error instanceof Error && "errcode" in error && (error.errcode === 5 || error.errcode === 6);
    throw new LogOpenError(
      isBusy
        ? `The log in ${folder} is in use by another process: stop that one, or give each a folder of its own.`
        : unwritable(`The log's lock ${path} can't be taken`, error),
      { cause: error },
    );
  }
}

/** Makes the file under another name first, so that it is there whole or not at all. */
function createLogFile(folder: string, epoch: string): void {
  const path = logFileIn(folder);
  if (existsSync(`${path}-wal`)) {
    throw new LogOpenError(`${path} is missing, but ${path}-wal is there: put both back, or move that one away too.`);
  }
  const draft = `${path}.new`;
  try {
    for (const suffix of ["", "-journal", "-wal", "-shm"]) rmSync(`${draft}${suffix}`, { force: true });
    const db = new DatabaseSync(draft);
    try {
      db.exec(`PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA synchronous = EXTRA; PRAGMA fullfsync = 1;
        BEGIN; PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${FORMAT_VERSION}; ${SCHEMA}`);
      db.prepare("INSERT INTO log VALUES (?, 0, 0, 0, 0)").run(epoch);
      db.exec("COMMIT");
    } finally {
      db.close();
    }
    renameSync(draft, path);
    syncFolder(folder);
  } catch (error) {
    throw new LogOpenError(unwritable(`The log ${path} can't be made`, error), { cause: error });
  }
}

function openForWriting(path: string): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { timeout: BUSY_MS });
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = 1; PRAGMA checkpoint_fullfsync = 1;
      PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA journal_size_limit = ${WAL_BYTES};
      PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY;`);
    // Writes nothing, but fails now, and not with the first event, where the file can't be written.
    db.exec("BEGIN IMMEDIATE; ROLLBACK;");
    return db;
  } catch (error) {
    db?.close();
    throw new LogOpenError(unwritable(`The log ${path} can't be opened for writing`, error), { cause: error });
  }
}

/** Makes a file's name as durable as the file; where the system knows no such thing (Windows), it is not needed. */
function syncFolder(folder: string): void {
  let handle: number | undefined;
  try {
    handle = openSync(folder, "r");
    fsyncSync(handle);
  } catch {
    return;
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

function unwritable(what: string, error: unknown): string {
  return `${what} (${reasonOf(error)}): is there room, and may this user write there? Else name another folder.`;
}

/** The message of whatever was thrown, in one line. */
export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/gu, " ").replace(/\.$/u, "");
}
