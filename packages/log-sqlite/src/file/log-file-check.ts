import { closeSync, existsSync, fstatSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { LogOpenError } from "../log-open-error.ts";
import { APPLICATION_ID, FORMAT_VERSION } from "./schema.ts";

/** Files up to this size are read whole before they are opened (about 0.3 s); of larger ones only what opening needs. */
const WHOLE_CHECK_BYTES = 128 * 1024 * 1024;

const MAGIC = "SQLite format 3\0";

/**
 * Looks at a file before it is opened for writing, since SQLite may change what it opens. The head is read as plain
 * bytes (https://www.sqlite.org/fileformat.html#the_database_header), the rest without writing.
 * @throws {LogOpenError} if the file is no log, is one of a newer version, or is damaged
 */
export function checkLogFile(path: string): void {
  const size = checkHead(path);
  const hasWal = hasPages(`${path}-wal`);
  const hadSharedMemory = existsSync(`${path}-shm`);
  let isSound = false;
  let db: DatabaseSync | undefined;
  try {
    // Without a write-ahead log the file is all there is: "immutable" reads it without making any other file.
    const url = pathToFileURL(path);
    if (!hasWal) url.searchParams.set("immutable", "1");
    db = new DatabaseSync(url, { readOnly: true });
    db.prepare("SELECT epoch, trimmed_through, trimmed_bytes, trimmed_at, forgotten_through FROM log").get();
    db.prepare("SELECT last, stored_at, keys FROM trimmed_ids ORDER BY last DESC LIMIT 1").get();
    db.prepare("SELECT id, topic, type FROM lanes ORDER BY id DESC LIMIT 1").get();
    db.prepare("SELECT lane, position FROM trimmed ORDER BY position DESC LIMIT 1").get();
    db.prepare("SELECT * FROM events ORDER BY position LIMIT 1").get();
    db.prepare("SELECT * FROM events ORDER BY position DESC LIMIT 1").get();
    if (size <= WHOLE_CHECK_BYTES) {
      const found = Object.values(db.prepare("PRAGMA quick_check(1)").get() ?? {})[0];
      if (found !== "ok") throw new Error(String(found));
    }
    isSound = true;
  } catch (error) {
    throw damaged(path, error);
  } finally {
    db?.close();
    if (!isSound && !hadSharedMemory) rmSync(`${path}-shm`, { force: true });
  }
}

/**
 * Looks at the first bytes of a file, without opening it as a database; the answer is its size.
 * @throws {LogOpenError} if it is no log, one of a newer version, or cut off
 */
export function checkHead(path: string): number {
  const head = Buffer.alloc(100);
  let size: number;
  let handle: number | undefined;
  try {
    handle = openSync(path, "r");
    size = fstatSync(handle).size;
    readSync(handle, head, 0, head.length, 0);
  } catch (error) {
    throw new LogOpenError(
      `The log ${path} can't be read (${(error as Error).message}): let this user read and write it.`,
      { cause: error },
    );
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
  if (head.toString("latin1", 0, MAGIC.length) !== MAGIC) {
    throw new LogOpenError(
      `${path} is no SQLite file, or its head is damaged: put a copy back, or move it away and a new log is made.`,
    );
  }
  if (head.readUInt32BE(68) !== APPLICATION_ID) {
    throw new LogOpenError(`${path} belongs to another application: give the log a folder of its own.`);
  }
  const version = head.readUInt32BE(60);
  if (version > FORMAT_VERSION) {
    throw new LogOpenError(
      `${path} has format ${version}, and this version knows ${FORMAT_VERSION} at the most: use the newer version that made it.`,
    );
  }
  if (version !== FORMAT_VERSION) throw damaged(path, new Error(`it has the unknown format ${version}`));
  const pageSize = head.readUInt16BE(16) === 1 ? 65_536 : head.readUInt16BE(16);
  // A write-ahead log may hold the pages that a crash kept from the file.
  const isCut =
    !hasPages(`${path}-wal`) &&
    head.readUInt32BE(24) === head.readUInt32BE(92) &&
    size < head.readUInt32BE(28) * pageSize;
  if (isCut) throw damaged(path, new Error("its end is missing"));
  return size;
}

function hasPages(walPath: string): boolean {
  return existsSync(walPath) && statSync(walPath).size > 0;
}

function damaged(path: string, cause: unknown): LogOpenError {
  const reason = (cause instanceof Error ? cause.message : String(cause)).replaceAll(/\s+/gu, " ");
  return new LogOpenError(
    `The log ${path} is damaged (${reason}): put a copy back, or move it away (with ${path}-wal, if there is one) and a new log is made.`,
    { cause },
  );
}
