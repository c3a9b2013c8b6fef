/**
 * Primary result codes (https://www.sqlite.org/rescode.html) by which it is the disk or the file that refuses, and not
 * the statement: busy, locked, out of memory, read-only, I/O error, corrupt, full, can't open, not a database.
 */
const DISK_CODES: ReadonlySet<number> = new Set([5, 6, 7, 8, 10, 11, 13, 14, 26]);

/** Whether an error of SQLite says that nothing can be stored now, whatever it is. */
export function isDiskFault(error: unknown): boolean {
  if (!(error instanceof Error) || !("errcode" in error)) return false;
  return DISK_CODES.has(Number(error.errcode) & 0xff);
}
