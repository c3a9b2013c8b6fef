import { resolve } from "node:path";
import { newEpoch, systemClock } from "@sluice/core";
import { LogOpenError } from "./log-open-error.ts";
import type { FromReader, FromWriter, ToReader, ToWriter } from "./messages.ts";
import { checkOptions, type SqliteLogOptions } from "./options.ts";
import { ReaderThread } from "./reader-thread.ts";
import { eventsOf, SqliteLog } from "./sqlite-log.ts";
import { StoringTime } from "./storing-time.ts";
import { WorkerLink } from "./worker-link.ts";

const MAX_LANES = 1_000_000;
const MAX_WAITING = { events: 100_000, bytes: 64 * 1024 * 1024 };

/**
 * Opens the log in a folder, and makes it if there is none.
 * @throws {LogOpenError} if the folder holds something else, something damaged or newer, or is in use
 * @throws {RangeError} if the options are not valid
 */
export async function openSqliteLog(options: SqliteLogOptions): Promise<SqliteLog> {
  checkOptions(options);
  const clock = options.clock ?? systemClock;
  const folder = resolve(options.path);
  const writer = new WorkerLink<ToWriter, FromWriter>({
    role: "writer",
    folder,
    newEpoch: newEpoch(clock.now(), clock.random()),
    nowMs: clock.now(),
    retention: options.retention,
    deduplicationMs: options.deduplicationMs,
    maxFileBytes: options.maxFileBytes ?? null,
    maxLanes: options.maxLanes ?? MAX_LANES,
  });
  // Starts at the same time, since that takes most of it, and opens the file when it is there.
  const link = new WorkerLink<ToReader, FromReader>({ role: "reader", folder });
  let start: Extract<FromWriter, { kind: "opened" }>;
  try {
    start = await opened(writer);
  } catch (error) {
    await link.terminate();
    throw error;
  }
  const { epoch, newest, trimmedThrough, storedAtMs } = start;
  try {
    link.send({ kind: "open", epoch });
    await opened(link);
  } catch (error) {
    writer.expectEnd();
    writer.send({ kind: "close" });
    await writer.ended();
    throw error;
  }
  const reader = new ReaderThread(link, (walked) => eventsOf(epoch, walked));
  const log = new SqliteLog({
    epoch,
    bounds: { newest, trimmedThrough },
    writer,
    reader,
    time: new StoringTime(clock, storedAtMs),
    maxWaiting: options.maxWaiting ?? MAX_WAITING,
    logger: options.logger,
    everySecond: (task) => clock.every(1000, task),
  });
  writer.listen({ onMessage: (message) => log.receive(message), onCrash: (reason) => log.fail(reason) });
  link.listen({
    onMessage: (message) => reader.receive(message),
    onCrash: (reason) => {
      reader.fail(reason);
      log.fail(reason);
    },
  });
  return log;
}

/** The first message of a thread, if it is a good one. */
async function opened<To, From extends FromWriter | FromReader>(
  link: WorkerLink<To, From>,
): Promise<Extract<From, { kind: "opened" }>> {
  let message: From;
  try {
    message = await link.next();
  } catch (error) {
    throw new LogOpenError(`The log can't be opened: ${(error as Error).message}.`, { cause: error });
  }
  if (message.kind === "opened") return message as Extract<From, { kind: "opened" }>;
  link.expectEnd();
  await link.ended();
  throw new LogOpenError(
    message.kind === "refused" ? `${message.reason}.` : `The log said ${message.kind} before it was open.`,
  );
}
