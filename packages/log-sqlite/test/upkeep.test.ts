import { statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ManualClock } from "@sluice/core/testing";
import { describe, expect, it } from "vitest";
import { openSqliteLog, type SqliteLog } from "../src/index.ts";
import { drafts, emptyFolder, interest, open, readAll, settled, UNLIMITED } from "./support.ts";

async function fill(log: SqliteLog, batches: number, topicOf: (batch: number) => string, bytes = 2): Promise<void> {
  const data = JSON.stringify("x".repeat(bytes - 2));
  for (let batch = 0; batch < batches; batch += 1) {
    await log.append(drafts(100, { topic: topicOf(batch), data }));
  }
}

async function gapAfter(log: SqliteLog, after: number, filter: string): Promise<number | null> {
  return (await log.read({ interest: interest(filter), after, limit: 1, limitBytes: 1 })).gapUntil;
}

/** A count that the file itself gives, once the log is closed. */
async function countInFile(log: SqliteLog, folder: string, table: string): Promise<number> {
  await log.close();
  const db = new DatabaseSync(join(folder, "log.db"), { readOnly: true });
  const count = Number(db.prepare(`SELECT count(*) AS count FROM ${table}`).get()?.["count"]);
  db.close();
  return count;
}

describe("what is remembered of trimmed topics", () => {
  it("is bounded: those trimmed longest ago are forgotten, and count as a gap", async () => {
    const folder = emptyFolder();
    const log = await open(folder, { maxLanes: 20 });
    await log.append(drafts(1, { topic: "kept" }));
    for (let topic = 1; topic <= 60; topic += 1) {
      await log.append(drafts(1, { topic: `t/${topic}` }));
    }
    await log.append(drafts(1, { topic: "kept" }));
    log.setRetention({ ...UNLIMITED, events: 1 });
    await settled("all but the newest is trimmed", () => log.bounds().trimmedThrough === 61);
    // oxlint-disable-next-line no-empty -- until the log has come to it; else the test runs out of time
    while ((await gapAfter(log, 40, "never")) === null) {}
    // 62 events; "kept" at 1 and 62, t/N at N + 1. The lanes of the 20 that were trimmed last and "kept" are known.
    expect(await gapAfter(log, 10, "never")).toBe(61);
    expect(await gapAfter(log, 50, "never")).toBeNull();
    expect(await gapAfter(log, 50, "t/55")).toBe(61);
    expect(await gapAfter(log, 58, "t/55")).toBeNull();
    expect(await gapAfter(log, 50, "t/*")).toBe(61);
    expect((await log.readLast(interest("kept"), 5, 62)).events.map(({ position }) => position)).toEqual([62]);
    expect(await countInFile(log, folder, "lanes")).toBe(20);
    const again = await open(folder, { maxLanes: 20 });
    expect(await gapAfter(again, 10, "never")).toBe(61);
    await again.append(drafts(1, { topic: "t/1" }));
    expect((await readAll(again, "t/1")).map(({ position }) => position)).toEqual([63]);
  });
});

describe("ids of trimmed events", () => {
  it("are kept for as long as the window is, and no longer", async () => {
    const clock = new ManualClock();
    const folder = emptyFolder();
    const options = { clock, deduplicationMs: 60_000, retention: { ...UNLIMITED, events: 10 } };
    let log = await open(folder, options);
    await fill(log, 30, () => "a");
    await settled("they are trimmed", () => log.bounds().trimmedThrough === 2990);
    expect(await countInFile(log, folder, "trimmed_ids")).toBeGreaterThan(0);
    log = await open(folder, options);
    clock.advance(61_000);
    const isEmpty = async (): Promise<boolean> => {
      clock.advance(1000);
      await log.append(drafts(1));
      const db = new DatabaseSync(join(folder, "log.db"), { readOnly: true });
      const row = db.prepare("SELECT count(*) AS count FROM trimmed_ids WHERE last <= 2990").get();
      db.close();
      return row?.["count"] === 0;
    };
    let isDone = false;
    for (let attempt = 0; attempt < 1000 && !isDone; attempt += 1) {
      isDone = await isEmpty();
    }
    expect(isDone).toBe(true);
  });
});

describe("the file", () => {
  it("uses space again, and gives back what is far too much", async () => {
    const folder = emptyFolder();
    const path = join(folder, "log.db");
    const log = await open(folder, { retention: { ...UNLIMITED, events: 1000 } });
    await fill(log, 80, () => "a", 4096);
    await settled("old events are trimmed", () => log.bounds().trimmedThrough === 7000);
    // 8000 events of 4 KiB went through; those retained at a time take some 5 MiB.
    expect(statSync(path).size).toBeLessThan(25 * 2 ** 20);
    log.setRetention(UNLIMITED);
    await fill(log, 60, () => "a", 4096);
    log.setRetention({ ...UNLIMITED, events: 100 });
    await settled("the file has shrunk", () => statSync(path).size < 12 * 2 ** 20);
    expect((await readAll(log, "a")).length).toBe(100);
  });

  it("has a write-ahead log that is bounded, also while it is read without a pause", async () => {
    const folder = emptyFolder();
    const log = await open(folder, { retention: { ...UNLIMITED, events: 5000 } });
    const done = new AbortController();
    const reading = (async () => {
      // Without a pause.
      while (!done.signal.aborted)
        await log.read({ interest: interest("*/none"), after: 0, limit: 10, limitBytes: 1e6 });
    })();
    let largest = 0;
    for (let round = 0; round < 30; round += 1) {
      await fill(log, 10, (batch) => `a/${batch}`, 4096);
      largest = Math.max(largest, statSync(join(folder, "log.db-wal")).size);
    }
    done.abort();
    await reading;
    expect(largest).toBeLessThan(100 * 2 ** 20);
  });
});

describe("reading", () => {
  it("looks at a bounded part of the log at a time, but finds a few topics at once", async () => {
    const log = await open(emptyFolder());
    await log.append(drafts(1, { topic: "quiet/first" }));
    for (let batch = 0; batch < 45; batch += 1) {
      const events = drafts(1000).map((draft, index) => ({ ...draft, topic: `busy/${batch * 300 + (index % 300)}/x` }));
      await log.append(events);
    }
    await log.append(drafts(1, { topic: "quiet/last" }));
    const read = async (filter: string) =>
      log.read({ interest: interest(filter), after: 0, limit: 10, limitBytes: 1e6 });
    expect(await read("quiet/first")).toMatchObject({ events: [{ position: 1 }], position: 45_002, isCaughtUp: true });
    expect(await read("quiet/last")).toMatchObject({ events: [{ position: 45_002 }], isCaughtUp: true });
    expect((await read("quiet/*")).events.map(({ position }) => position)).toEqual([1, 45_002]);
    expect(await read("none/*/x")).toMatchObject({ events: [], position: 45_002, isCaughtUp: true });
    // 13 500 topics to be looked at and nothing to go by: a part of the log, and the rest in the next calls.
    const [first, same] = await Promise.all([read("*/last"), read("*/last")]);
    expect(first).toMatchObject({ events: [], position: 20_000, isCaughtUp: false, gapUntil: null });
    expect(same.position).toBe(20_000);
    expect((await readAll(log, "*/last")).map(({ position }) => position)).toEqual([45_002]);
    // By now the topics of that pattern are known.
    expect(await read("*/last")).toMatchObject({ events: [{ position: 45_002 }], isCaughtUp: true });
    expect((await log.readLast(interest("*/first"), 3, 45_002)).events.map(({ position }) => position)).toEqual([1]);
    expect((await readAll(log, "*/299/x")).length).toBe(3);
    expect((await readAll(log, "busy/**")).length).toBe(45_000);
  });

  it("does not hold up publishing", async () => {
    const log = await open(emptyFolder());
    for (let batch = 0; batch < 20; batch += 1) {
      await log.append(drafts(1000, { topic: `a/${batch}` }));
    }
    const order: string[] = [];
    const reads = Array.from({ length: 200 }, async (_, index) => {
      await log.read({ interest: interest("a/*"), after: index, limit: 500, limitBytes: 1e9 });
      order.push("read");
    });
    const append = log.append(drafts(1)).then(() => order.push("append"));
    await Promise.all([...reads, append]);
    expect(order.indexOf("append")).toBeLessThan(150);
  });
});

describe("options", () => {
  it("are what the log is opened with each time", async () => {
    const path = emptyFolder();
    const log = await openSqliteLog({ path, retention: UNLIMITED, deduplicationMs: 0 });
    await log.append(drafts(20, { id: "same" }));
    await log.close();
    const again = await open(path, { retention: { ...UNLIMITED, events: 5 } });
    await settled("the new limits hold", () => again.bounds().trimmedThrough === 15);
    expect((await again.append(drafts(1, { id: "same" })))[0]).toMatchObject({ position: 20, isDuplicate: true });
  });
});
