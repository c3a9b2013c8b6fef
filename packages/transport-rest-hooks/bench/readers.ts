// WebSocket readers of one topic and its publisher, in a process of their own: one clock. Told how long, it publishes at
// fixed times, and says how many milliseconds after its time each event was with each reader.
// Arguments: public URL, admin URL, count of readers, events per second.
import { once } from "node:events";
import { Pool } from "undici";

/** What one phase is to be. */
export interface Phase {
  readonly ms: number;
}

/** Sorted milliseconds from the scheduled time of publishing to each reader. */
export interface Latencies {
  readonly sortedMs: readonly number[];
  readonly isComplete: boolean;
}

const TOPIC = "ticks";
const CONNECTIONS = 16;
/** Until then all has arrived, or it is late beyond measure. */
const TAIL_MS = 5000;

const [publicUrl = "", adminUrl = "", countText = "1", rateText = "1"] = process.argv.slice(2);
const count = Number(countText);
const everyMs = 1000 / Number(rateText);
const pool = new Pool(adminUrl, { connections: CONNECTIONS });
let latencies: number[] = [];

const readers = Array.from({ length: count }, () => {
  const reader = new WebSocket(`${publicUrl.replace("http", "ws")}/realtime/events?topic=${TOPIC}`);
  reader.addEventListener("message", ({ data }: MessageEvent) => {
    const { data: scheduledMs } = JSON.parse(String(data)) as { readonly data?: number };
    if (scheduledMs !== undefined) latencies.push(performance.now() - scheduledMs);
  });
  return reader;
});

async function publish(scheduledMs: number): Promise<void> {
  const body = JSON.stringify({ topic: TOPIC, data: scheduledMs });
  const headers = { "content-type": "application/json" };
  const answer = await pool.request({ method: "POST", path: "/events", headers, body });
  await answer.body.dump();
  if (answer.statusCode !== 201) throw new Error(`publishing was answered ${answer.statusCode}`);
}

async function wait(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

async function phase({ ms }: Phase): Promise<Latencies> {
  latencies = [];
  const startedMs = performance.now();
  const published: Promise<void>[] = [];
  for (let dueMs = startedMs; dueMs < startedMs + ms; dueMs += everyMs) {
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await wait(waitMs);
    // From the time it was to be published: a stall of anybody counts for all that should have gone out in it.
    published.push(publish(dueMs));
  }
  await Promise.all(published);
  const wanted = published.length * count;
  for (const endMs = performance.now() + TAIL_MS; latencies.length < wanted && performance.now() < endMs;)
    await wait(5);
  return { sortedMs: latencies.toSorted((a, b) => a - b), isComplete: latencies.length === wanted };
}

await Promise.all(readers.map((reader) => once(reader, "open")));
process.on("message", (asked: Phase) => {
  phase(asked).then(
    (found) => process.send?.(found),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});
process.send?.("ready");
