import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { SluiceError, type Appended, type StoredEvent } from "@sluice/core";
import { ManualClock } from "@sluice/core/testing";
import { describe, expect, it } from "vitest";
import { drafts, emptyFolder, interest, keepingLogger, open, readAll, settled, UNLIMITED } from "./support.ts";

/** The error an append fails with, or what it resolved to. */
function outcome(append: Promise<readonly Appended[]>): Promise<unknown> {
  return append.catch((error: unknown) => error);
}

const KIBIBYTE = JSON.stringify("x".repeat(1022));

describe("kill -9", () => {
  it("takes back nothing that was acknowledged, three times in a row", async () => {
    const folder = emptyFolder();
    const acknowledged = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      const child = spawn(process.execPath, [join(import.meta.dirname, "publisher.ts"), folder, "20"]);
      const atLeast = acknowledged.size + 3000;
      for await (const name of createInterface({ input: child.stdout })) {
        acknowledged.add(name);
        if (acknowledged.size >= atLeast && !child.killed) child.kill("SIGKILL");
      }
      const log = await open(folder);
      const events = await readAll(log, "p/*");
      const found = new Set(events.map(({ id }) => id));
      expect([...acknowledged].filter((name) => !found.has(name))).toEqual([]);
      // A batch that was not acknowledged is there whole or not at all, and nothing is there twice.
      expect(found.size).toBe(events.length);
      expect(found.size % 3).toBe(0);
      expect(events.map(({ position }) => position)).toEqual(events.map((_, index) => index + 1));
      for (const { data, id } of events) expect(data).toBe(`"${id}"`);
      await log.close();
      // oxlint-enable no-await-in-loop
    }
  });
});

describe("an append that can't be stored", () => {
  it("does not fail its neighbours: not valid Unicode", async () => {
    const log = await open(emptyFolder());
    const appends = [
      log.append(drafts(2)),
      log.append([...drafts(1), ...drafts(1, { data: '"\ud800"' })]),
      log.append(drafts(1)),
    ];
    const [first, second, third] = await Promise.all(appends.map(outcome));
    expect(first).toMatchObject([{ position: 1 }, { position: 2 }]);
    expect(second).toMatchObject({ code: "invalid-event", index: 1 });
    expect(third).toMatchObject([{ position: 3 }]);
    expect(log.isWritable).toBe(true);
  });

  it("does not fail its neighbours: no room for it, but for them", async () => {
    const log = await open(emptyFolder(), { maxFileBytes: 512 * 1024 });
    const tailed: StoredEvent[] = [];
    log.tail((batch) => tailed.push(...batch));
    await log.append(drafts(1, { id: "known", topic: "old" }));
    const appends = [
      log.append(drafts(5, { topic: "small/1" })),
      log.append([
        ...drafts(1, { topic: "new/topic" }),
        ...drafts(1, { topic: "big", data: JSON.stringify("x".repeat(700_000)) }),
      ]),
      log.append([...drafts(5, { topic: "small/2" }), ...drafts(1, { id: "known", topic: "old" })]),
      log.append(drafts(1, { topic: "new/topic" })),
    ];
    const [first, second, third, fourth] = await Promise.all(appends.map(outcome));
    expect(first).toHaveLength(5);
    expect(second).toBeInstanceOf(SluiceError);
    expect(second).toMatchObject({ code: "log-unavailable", status: 503, retryAfterSeconds: 1 });
    expect((third as Appended[]).map(({ position }) => position)).toEqual([7, 8, 9, 10, 11, 1]);
    expect(fourth).toMatchObject([{ position: 12, isDuplicate: false }]);
    expect(log.isWritable).toBe(true);
    const stored = await readAll(log, "**");
    expect(stored.map(({ json }) => json)).toEqual(tailed.map(({ json }) => json));
    expect(stored.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(stored.at(-1)?.topic).toBe("new/topic");
  });
});

describe("a full disk", () => {
  it("refuses with 503 and stores nothing by halves, until there is room again", async () => {
    const clock = new ManualClock();
    const logger = keepingLogger();
    const folder = emptyFolder();
    const log = await open(folder, { maxFileBytes: 1024 * 1024, clock, logger });
    const tailed: StoredEvent[] = [];
    log.tail((batch) => tailed.push(...batch));
    let refused: unknown = null;
    const acknowledged: number[] = [];
    while (refused === null) {
      // Until it is full.
      const answer = await outcome(log.append(drafts(50, { data: KIBIBYTE })));
      if (Array.isArray(answer)) acknowledged.push(...(answer as Appended[]).map(({ position }) => position));
      else refused = answer;
    }
    expect(refused).toMatchObject({ code: "log-unavailable", status: 503, retryAfterSeconds: 1 });
    expect((refused as Error).message).not.toMatch(/SQL|disk|full/iu);
    expect(log.isWritable).toBe(false);
    expect(log.bounds().newest).toBe(acknowledged.length);
    expect(tailed.map(({ position }) => position)).toEqual(acknowledged);
    expect((await readAll(log, "**")).map(({ position }) => position)).toEqual(acknowledged);

    // The log tries by itself, and finds no room as yet.
    clock.advance(1000);
    expect(await outcome(log.append(drafts(200, { data: KIBIBYTE })))).toMatchObject({ code: "log-unavailable" });
    expect(log.isWritable).toBe(false);

    log.setRetention({ ...UNLIMITED, events: 100 });
    await settled("old events are trimmed", () => log.bounds().trimmedThrough === acknowledged.length - 100);
    expect(log.isWritable).toBe(false);
    clock.advance(1000);
    await settled("the log has found that there is room", () => log.isWritable);
    const [next] = await log.append(drafts(50, { data: KIBIBYTE }));
    expect(next?.position).toBe(acknowledged.length + 1);
    expect(logger.lines.filter((line) => line.startsWith("error"))).toHaveLength(1);
    expect(logger.lines).toContain("info: the log stores events again");

    await log.close();
    const again = await open(folder);
    expect(again.bounds().newest).toBe(acknowledged.length + 50);
  });

  it("is over as soon as an append succeeds", async () => {
    const log = await open(emptyFolder(), { maxFileBytes: 512 * 1024 });
    await expect(log.append(drafts(1, { data: JSON.stringify("x".repeat(700_000)) }))).rejects.toThrow(SluiceError);
    expect(log.isWritable).toBe(false);
    await log.append(drafts(1));
    expect(log.isWritable).toBe(true);
  });
});

describe("more than can be stored", () => {
  it("is refused once so much waits, and taken again when that is stored", async () => {
    const log = await open(emptyFolder(), { maxWaiting: { events: 1000, bytes: 1e9 } });
    const appends = Array.from({ length: 30 }, () => outcome(log.append(drafts(100))));
    const outcomes = await Promise.all(appends);
    expect(outcomes.filter(Array.isArray)).toHaveLength(10);
    expect(outcomes.at(-1)).toMatchObject({ code: "log-unavailable", retryAfterSeconds: 1 });
    expect(log.isWritable).toBe(true);
    expect((await log.append(drafts(1)))[0]?.position).toBe(1001);
  });

  it("is counted in bytes too; one that is larger than the bound goes alone", async () => {
    const log = await open(emptyFolder(), { maxWaiting: { events: 1e9, bytes: 10_000 } });
    const [large, next] = [log.append(drafts(20, { data: KIBIBYTE })), log.append(drafts(1))].map(outcome);
    expect(await large).toHaveLength(20);
    expect(await next).toMatchObject({ code: "log-unavailable" });
    expect(await outcome(log.append(drafts(1)))).toMatchObject([{ position: 21 }]);
  });
});

describe("a reader of the tail that throws", () => {
  it("is logged, and disturbs nobody else", async () => {
    const logger = keepingLogger();
    const log = await open(emptyFolder(), { logger });
    const heard: number[] = [];
    log.tail(() => {
      throw new Error("not my day");
    });
    log.tail((batch) => heard.push(batch.length));
    expect(await log.append(drafts(2))).toHaveLength(2);
    expect(heard).toEqual([2]);
    expect(logger.lines).toEqual(["error: a reader of the log's tail failed"]);
  });
});

describe("a closed log", () => {
  it("can't be read", async () => {
    const log = await open(emptyFolder());
    const query = { interest: interest("a"), after: 0, limit: 1, limitBytes: 1 };
    const before = log.read(query);
    await Promise.all([before, log.close()]);
    await expect(log.read(query)).rejects.toMatchObject({ code: "log-unavailable" });
    log.setRetention(UNLIMITED);
  });
});
