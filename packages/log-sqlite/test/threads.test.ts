import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { Worker } from "node:worker_threads";
import type { Appended, StoredEvent } from "@sluice/core";
import { ManualClock } from "@sluice/core/testing";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { DyingThreads } from "./dying-threads.ts";
import { drafts, emptyFolder, interest, keepingLogger, open, openWithThreads, readAll, settled } from "./support.ts";

interface Outcome {
  readonly results: readonly unknown[];
  readonly tailed: readonly string[];
  readonly read: readonly string[] | string;
  readonly isWritable: boolean;
  readonly restarts: number;
}

const SCRIPT = join(import.meta.dirname, "storing-script.ts");
const PRELOAD = pathToFileURL(join(import.meta.dirname, "dying-threads.ts")).href;

/** What the script prints, in a process in which threads end as planned. */
async function outcome(
  name: string,
  deduplicationMs: number,
  plan: Omit<DyingThreads, "ledger"> | null,
): Promise<Outcome> {
  const folder = emptyFolder();
  const ledger = join(folder, "deaths");
  writeFileSync(ledger, "");
  const dying = { NODE_OPTIONS: `--import=${PRELOAD}`, DYING_THREADS: JSON.stringify({ ...plan, ledger }) };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [SCRIPT, join(folder, "log"), name, `${deduplicationMs}`],
    { env: { ...process.env, ...(plan === null ? {} : dying) } },
  );
  return JSON.parse(stdout) as Outcome;
}

describe.each([
  ["a group with duplicates", 600_000, 2],
  ["a group with duplicates", 0, 2],
  ["only duplicates", 600_000, 2],
  // The group fails as a whole; of its appends by themselves the first is stored with the second commit.
  ["one that can't be stored", 600_000, 2],
  ["one that can't be stored", 0, 4],
])("the writer's thread ends: %s, deduplication %i ms, at the commit of events number %i", (name, window, commits) => {
  let expected: Outcome;
  beforeAll(async () => {
    expected = await outcome(name, window, null);
    expect(expected.restarts).toBe(0);
  });

  it.each(["before", "after"] as const)("right %s it, and all is as if it had not", async (when) => {
    const dying = await outcome(name, window, { writer: { when, commits }, deaths: 1 });
    expect(dying).toEqual({ ...expected, restarts: 1 });
  });
});

describe("a thread that ends again and again", () => {
  it("with the same group: that is refused, and the log goes on", async () => {
    const plan = { writer: { when: "before", commits: 1 }, deaths: 2 } as const;
    const { results, read, restarts, isWritable } = await outcome("", 600_000, plan);
    expect(results).toMatchObject([{ result: "log-unavailable" }, { result: [{ position: 1, isDuplicate: false }] }]);
    expect(read).toEqual(["1 t after 7"]);
    expect({ restarts, isWritable }).toEqual({ restarts: 2, isWritable: true });
  });

  it("with the same group, but it was stored each time: nothing is refused", async () => {
    const plan = { writer: { when: "after", commits: 1 }, deaths: 2 } as const;
    const { results, read, restarts } = await outcome("", 600_000, plan);
    expect(results).toMatchObject([{ result: [{ position: 1 }] }, { result: [{ position: 2 }] }]);
    expect(read).toEqual(["1 t old 5", "2 t after 7"]);
    expect(restarts).toBe(2);
  });

  it("with the same walk: that is refused, and no publication is", async () => {
    const { results, read } = await outcome("", 600_000, { reader: { answers: 1 }, deaths: 2 });
    expect(read).toBe("log-unavailable");
    expect(results).toMatchObject([{ result: [{ position: 1 }] }, { result: [{ position: 2 }] }]);
  });
});

describe("a thread that is ended from outside", () => {
  let started: Worker[] = [];
  const note = (worker: Worker): void => void started.push(worker);
  afterEach(() => {
    process.off("worker", note);
    started = [];
  });

  it("is missed until there is another one, and told", async () => {
    const clock = new ManualClock();
    const logger = keepingLogger();
    const { log, writer } = await openWithThreads(emptyFolder(), { clock, logger });
    await log.append(drafts(1));
    await writer.terminate();
    await settled("the log has noticed", () => !log.isWritable);
    expect(logger.lines).toEqual(["error: a thread of the log has ended; it is started again"]);
    const waiting = log.append(drafts(1));
    // What is read does not need it.
    expect(await readAll(log, "a")).toHaveLength(1);
    expect(log.restarts).toBe(0);
    clock.advance(100);
    expect(await waiting).toMatchObject([{ position: 2 }]);
    expect(log).toMatchObject({ isWritable: true, restarts: 1 });
  });

  it("is not waited for by a log that has nothing to do and is closed", async () => {
    const { log, writer, reader } = await openWithThreads(emptyFolder(), { clock: new ManualClock() });
    await Promise.all([writer.terminate(), reader.terminate()]);
    await log.close();
  });

  it("is asked again what it has not answered: the reader", async () => {
    const clock = new ManualClock();
    const { log, reader } = await openWithThreads(emptyFolder(), { clock });
    for (let batch = 0; batch < 40; batch += 1) {
      await log.append(drafts(100, { topic: `t/${batch}` }));
    }
    const asked = Array.from({ length: 40 }, (_, batch) =>
      log.read({ interest: interest(`t/${batch}`), after: 0, limit: 100, limitBytes: 1e9 }),
    );
    const last = log.readLast(interest("t/*"), 3, 4000);
    await reader.terminate();
    await settled("the log has noticed", () => !log.isWritable);
    clock.advance(100);
    for (const [batch, page] of (await Promise.all(asked)).entries()) {
      expect(page.events.map(({ position }) => position)).toEqual(
        Array.from({ length: 100 }, (_, index) => batch * 100 + index + 1),
      );
    }
    expect((await last).events.map(({ position }) => position)).toEqual([3998, 3999, 4000]);
  });

  it("takes the new retention from the start", async () => {
    const clock = new ManualClock();
    const { log, writer } = await openWithThreads(emptyFolder(), { clock });
    await log.append(drafts(10));
    await writer.terminate();
    await settled("the log has noticed", () => !log.isWritable);
    log.setRetention({ ageMs: 1e12, events: 3, bytes: 1e12 });
    clock.advance(100);
    await settled("old events are trimmed", () => log.bounds().trimmedThrough === 7);
  });

  it.each([600_000, 0])("in a storm: nothing is refused, lost or doubled (deduplication %i ms)", async (window) => {
    process.on("worker", note);
    const folder = emptyFolder();
    const logger = keepingLogger();
    const log = await open(folder, { deduplicationMs: window, logger });
    const tailed: StoredEvent[] = [];
    log.tail((batch) => tailed.push(...batch));
    const answered = new Map<number, string>();
    const over = new AbortController();
    const publishing = Array.from({ length: 20 }, async () => {
      while (!over.signal.aborted) {
        const batch = drafts(3);
        // Each waits for its acknowledgement.
        const appended = await log.append(batch);
        for (const [index, { id, position, isDuplicate }] of (appended as Appended[]).entries()) {
          expect({ id, isDuplicate }).toEqual({ id: batch[index]?.id, isDuplicate: false });
          answered.set(position, id);
        }
      }
    });
    for (let kill = 1; kill <= 4; kill += 1) {
      const goal = answered.size + 600;
      await settled("a storm", () => answered.size >= goal);
      await started.findLast(({ threadName }) => threadName === "log-sqlite-writer")?.terminate();
      await settled("another thread", () => log.restarts === kill && log.isWritable);
      // oxlint-enable no-await-in-loop
    }
    over.abort();
    await Promise.all(publishing);
    const stored = await readAll(log, "a");
    expect(stored.map(({ position }) => position)).toEqual(stored.map((_, index) => index + 1));
    expect(stored.map(({ json }) => json)).toEqual(tailed.map(({ json }) => json));
    expect(stored.map(({ id, position }) => [position, id])).toEqual([...answered].toSorted(([a], [b]) => a - b));
    const lines = [
      "error: a thread of the log has ended; it is started again",
      "info: a thread of the log is there again",
    ];
    expect(logger.lines).toEqual([...lines, ...lines, ...lines, ...lines]);
  });
});

describe("a log that can't be kept going", () => {
  it("is given up: whoever waits is told, and so is the process", async () => {
    const plan = { writer: { when: "before", commits: 2 }, isStillborn: true, deaths: 1000 } as const;
    const { results, read, isWritable, restarts } = await outcome("", 600_000, plan);
    expect(restarts).toBe(6);
    expect(isWritable).toBe(false);
    expect(read).toEqual(["1 t old 5"]);
    expect(results).toMatchObject([
      { result: [{ position: 1 }] },
      { lost: expect.stringMatching(/^The log can't be kept going: its writer thread ended 7 times in a row, .*\.$/u) },
      { result: "log-unavailable" },
    ]);
  });
});
