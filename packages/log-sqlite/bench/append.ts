// How fast events become durable: node packages/log-sqlite/bench/append.ts [seconds per case]
// Publishers append one after the other, each waiting for its own append (with fsync) before the next.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { EventDraft } from "@sluice/core";
import { openSqliteLog } from "../src/index.ts";

interface Case {
  readonly name: string;
  readonly publishers: number;
  readonly batch: number;
  readonly topics: number;
  /** Events retained; few enough to be reached, so that trimming is measured along. */
  readonly retained: number;
}

const CASES: readonly Case[] = [
  { name: "1 publisher, 1 event", publishers: 1, batch: 1, topics: 1, retained: 1_000_000 },
  { name: "50 publishers, 1 event", publishers: 50, batch: 1, topics: 1, retained: 1_000_000 },
  { name: "50 publishers, 1 event, 10 000 topics", publishers: 50, batch: 1, topics: 10_000, retained: 1_000_000 },
  { name: "1 publisher, batches of 100", publishers: 1, batch: 100, topics: 1, retained: 1_000_000 },
  { name: "50 publishers, batches of 100", publishers: 50, batch: 100, topics: 1, retained: 1_000_000 },
  { name: "50 publishers, batches of 100, trimming", publishers: 50, batch: 100, topics: 1, retained: 20_000 },
  {
    name: "50 publishers, batches of 100, 10 000 topics",
    publishers: 50,
    batch: 100,
    topics: 10_000,
    retained: 1_000_000,
  },
  { name: "the same, trimming", publishers: 50, batch: 100, topics: 10_000, retained: 20_000 },
];

const DATA = JSON.stringify({ text: "x".repeat(88) });
const { positionals } = parseArgs({ allowPositionals: true });
const runMs = Number(positionals[0] ?? 3) * 1000;

async function measure({ name, publishers, batch, topics, retained }: Case): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), "log-sqlite-bench-"));
  const retention = { ageMs: 86_400_000, events: retained, bytes: 2 ** 30 };
  const log = await openSqliteLog({ path, retention, deduplicationMs: 600_000 });
  let count = 0;
  let tailed = 0;
  log.tail((events) => {
    tailed += events.length;
  });
  const draft = (): EventDraft => {
    count += 1;
    return {
      id: `01KAPX3J5Q8Z${count}`,
      topic: `orders/${count % topics}`,
      type: "order.ready",
      time: new Date().toISOString(),
      data: DATA,
      dataContentType: null,
    };
  };
  const waits: number[] = [];
  const endsAt = performance.now() + runMs;
  const publish = async (): Promise<void> => {
    while (performance.now() < endsAt) {
      const began = performance.now();
      const drafts = Array.from({ length: batch }, draft);
      // A publisher that waits for each of its appends is what is measured.
      await log.append(drafts);
      waits.push(performance.now() - began);
    }
  };
  const began = performance.now();
  const cpu = process.cpuUsage();
  await Promise.all(Array.from({ length: publishers }, publish));
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  await log.close();
  rmSync(path, { recursive: true });
  waits.sort((a, b) => a - b);
  const at = (share: number): string => (waits[Math.floor(waits.length * share)] ?? 0).toFixed(1);
  const line = [
    name.padEnd(46),
    `${Math.round(waits.length / seconds)} appends/s`.padStart(16),
    `${Math.round(tailed / seconds)} events/s`.padStart(16),
    `p50 ${at(0.5)} p99 ${at(0.99)} max ${at(0.9999)} ms`.padStart(34),
    `${((user + system) / tailed).toFixed(1)} µs CPU/event`.padStart(20),
  ];
  process.stdout.write(`${line.join("")}\n`);
}

for (const each of CASES) {
  // One at a time, or they would measure each other.
  await measure(each);
}
