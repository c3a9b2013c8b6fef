import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import { interestIn, parseFilter, type EventDraft, type Interest, type Logger, type StoredEvent } from "@sluice/core";
import { afterEach } from "vitest";
import { openSqliteLog, type SqliteLog, type SqliteLogOptions } from "../src/index.ts";

/** Limits that no test meets. */
export const UNLIMITED = { ageMs: 1e12, events: 1e9, bytes: 1e12 };

const folders: string[] = [];
const logs: SqliteLog[] = [];

afterEach(async () => {
  await Promise.all(logs.splice(0).map((log) => log.close()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** An empty folder that is removed when the test is over. */
export function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "log-sqlite-"));
  folders.push(folder);
  return folder;
}

/** A log that is closed when the test is over. */
export async function open(path: string, options: Partial<SqliteLogOptions> = {}): Promise<SqliteLog> {
  const log = await openSqliteLog({ path, retention: UNLIMITED, deduplicationMs: 600_000, ...options });
  logs.push(log);
  return log;
}

/** A log, and the threads it works by: writer and reader. */
export async function openWithThreads(
  path: string,
  options: Partial<SqliteLogOptions> = {},
): Promise<{ readonly log: SqliteLog; readonly writer: Worker; readonly reader: Worker }> {
  const threads: Worker[] = [];
  const note = (worker: Worker): void => void threads.push(worker);
  process.on("worker", note);
  try {
    const log = await open(path, options);
    const [writer, reader] = threads as [Worker, Worker];
    return { log, writer, reader };
  } finally {
    process.off("worker", note);
  }
}

let drafted = 0;

/** So many drafts. */
export function drafts(count: number, part: Partial<EventDraft> = {}): readonly EventDraft[] {
  return Array.from({ length: count }, () => {
    drafted += 1;
    const time = "2026-11-23T02:15:00.123Z";
    return { id: `e${drafted}`, topic: "a", type: "message", time, data: "{}", dataContentType: null, ...part };
  });
}

export function interest(...filters: readonly string[]): Interest {
  return interestIn(filters.map(parseFilter));
}

/** All retained events that match. */
export async function readAll(log: SqliteLog, ...filters: readonly string[]): Promise<readonly StoredEvent[]> {
  const events: StoredEvent[] = [];
  for (let after = 0; ;) {
    const page = await log.read({ interest: interest(...filters), after, limit: 1000, limitBytes: 1e9 });
    events.push(...page.events);
    if (page.isCaughtUp) return events;
    after = page.position;
  }
}

/** Waits, turn by turn of the event loop, until something holds. */
export async function settled(what: string, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + 30_000;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`Waited in vain for: ${what}`);
    await turn();
  }
}

/** Name and digest of each file. */
export function filesIn(folder: string): Readonly<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of readdirSync(folder).sort()) {
    files[name] = createHash("sha256")
      .update(readFileSync(join(folder, name)))
      .digest("hex");
  }
  return files;
}

/** A logger that keeps what it is told. */
export function keepingLogger(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const keep =
    (level: string) =>
    (_fields: Readonly<Record<string, unknown>>, text: string): void =>
      void lines.push(`${level}: ${text}`);
  return { lines, debug: keep("debug"), info: keep("info"), warn: keep("warn"), error: keep("error") };
}
