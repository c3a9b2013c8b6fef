// Appends a few things, reads them again, and prints what came of it: node storing-script.ts FOLDER NAME DEDUPLICATION_MS
import { interestIn, parseFilter, systemClock, type EventDraft, type StoredEvent } from "@sluice/core";
import { openSqliteLog } from "../src/index.ts";

/** What is appended in one turn, so as one group. An id stands for an event; a number for one of so many bytes. */
const GROUPS: Readonly<Record<string, readonly (readonly (string | number)[])[]>> = {
  "a group with duplicates": [["x", "y"], ["old"], ["z", "old", "w", "z"], ["x"], ["v", "v", "old"]],
  "only duplicates": [["old"], ["old", "old"]],
  "one that can't be stored": [["x"], ["y", 900_000], ["old"], ["z"], ["w"]],
};

const [folder = "", name = "", deduplicationMs = ""] = process.argv.slice(2);
const log = await openSqliteLog({
  path: folder,
  retention: { ageMs: 1e12, events: 1e9, bytes: 1e12 },
  deduplicationMs: Number(deduplicationMs),
  maxFileBytes: 700_000,
  // Restarts are waited for, but not for long.
  clock: { ...systemClock, after: (delayMs, task) => systemClock.after(delayMs / 20, task) },
  onLost: (error) => results.push({ lost: error.message }),
});
const results: unknown[] = [];
const tailed: string[] = [];
// The timers of restarts don't keep the process.
const keep = setInterval(() => undefined, 1000);
log.tail((batch) => tailed.push(...batch.map(line)));

function line({ position, id, topic, data }: StoredEvent): string {
  return `${position} ${topic} ${id} ${data.length}`;
}

function draft(event: string | number): EventDraft {
  const data = typeof event === "number" ? JSON.stringify("x".repeat(event)) : `"${event}"`;
  const time = "2026-11-23T02:15:00.123Z";
  return { id: `${event}`, topic: "t", type: "message", time, data, dataContentType: null };
}

async function append(...events: readonly (string | number)[]): Promise<void> {
  const result = await log.append(events.map(draft)).catch((error: { readonly code?: string }) => error.code);
  results.push({ events, result });
}

await append("old");
await Promise.all((GROUPS[name] ?? []).map((events) => append(...events)));
await append("after");
const query = { interest: interestIn([parseFilter("t")]), after: 0, limit: 100, limitBytes: 1e9 };
const read = await log.read(query).then(
  ({ events }) => events.map(line),
  (error: { readonly code?: string }) => error.code,
);
const { isWritable, restarts } = log;
await log.close();
clearInterval(keep);
process.stdout.write(JSON.stringify({ results, tailed, read, isWritable, restarts }));
