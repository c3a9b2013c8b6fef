import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { interestIn, parseFilter, type EventLog } from "@sluice/core";
import type { Config } from "../config/config.ts";

/** What the log looks like. */
export interface LogFigures {
  readonly position: number;
  readonly trimmedThrough: number;
  /** Events retained, as the positions tell it. */
  readonly events: number;
  /** Bytes of its files; 0 for a log in memory. */
  readonly bytes: number;
  /** Age of the oldest retained event, by its own time; 0 if there is none. */
  readonly oldestAgeSeconds: number;
  readonly isWritable: boolean;
  /** How often a part of it has ended by itself and was started again. */
  readonly restarts: number;
}

const EVERYTHING = interestIn([parseFilter("**")]);

/** Where a log has its files; `null` if it has none. */
export function logFolder({ log }: Config): string | null {
  return log.kind === "sqlite" ? log.path : null;
}

/** Asks the log, and looks at its folder. */
export async function logFigures(log: EventLog, folder: string | null, nowMs: number): Promise<LogFigures> {
  const { trimmedThrough, newest } = log.bounds();
  const isEmpty = newest === trimmedThrough;
  const [bytes, oldestAgeSeconds] = await Promise.all([
    folder === null ? 0 : folderBytes(folder),
    isEmpty ? 0 : ageAfter(log, trimmedThrough, nowMs),
  ]);
  return {
    position: newest,
    trimmedThrough,
    events: newest - trimmedThrough,
    bytes,
    oldestAgeSeconds,
    isWritable: log.isWritable,
    restarts: log.restarts,
  };
}

async function folderBytes(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function ageAfter(log: EventLog, after: number, nowMs: number): Promise<number> {
  try {
    const { events } = await log.read({ interest: EVERYTHING, after, limit: 1, limitBytes: 1 });
    const atMs = Date.parse(events[0]?.time ?? "");
    return Number.isNaN(atMs) ? 0 : Math.max(0, (nowMs - atMs) / 1000);
  } catch {
    // A log that can't be read has other figures that say so; the rest of them are wanted all the more.
    return 0;
  }
}
