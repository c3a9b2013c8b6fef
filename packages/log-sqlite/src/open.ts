import { resolve } from "node:path";
import { systemClock } from "@sluice/core";
import { checkOptions, type SqliteLogOptions } from "./options.ts";
import { ReaderThread } from "./reader-thread.ts";
import { SqliteLog } from "./sqlite-log.ts";
import { TailListeners } from "./tail-listeners.ts";
import { WriterThread } from "./writer-thread.ts";

const MAX_LANES = 1_000_000;
const MAX_WAITING = { events: 100_000, bytes: 64 * 1024 * 1024 };

/**
 * Opens the log in a folder, and makes it if there is none.
 * @throws {LogOpenError} if the folder holds something else, something damaged or newer, or is in use
 * @throws {RangeError} if the options are not valid
 */
export async function openSqliteLog(options: SqliteLogOptions): Promise<SqliteLog> {
  checkOptions(options);
  const { clock = systemClock, logger, onLost = () => undefined } = options;
  const folder = resolve(options.path);
  const listeners = new TailListeners(logger);
  const writer = new WriterThread({
    folder,
    retention: options.retention,
    deduplicationMs: options.deduplicationMs,
    maxFileBytes: options.maxFileBytes ?? null,
    maxLanes: options.maxLanes ?? MAX_LANES,
    maxWaiting: options.maxWaiting ?? MAX_WAITING,
    clock,
    logger,
    onStored: (batch) => listeners.tell(batch),
    onLost,
  });
  // Starts at the same time, since that takes most of it, and opens the file when it is there.
  const reader = new ReaderThread({ folder, clock, logger, onLost });
  try {
    const epoch = await writer.opened();
    await reader.open(epoch);
    return new SqliteLog({ epoch, writer, reader, listeners });
  } catch (error) {
    await reader.close();
    await writer.close();
    throw error;
  }
}
