import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import { systemClock, type Clock, type Logger } from "@sluice/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { HookRecord } from "../src/hooks/hook.ts";
import { HookStore } from "../src/store/hook-store.ts";
import type { Change, DeadLetter, HeldLane, KeptEvent, Question } from "../src/store/store-messages.ts";
import { openStore } from "../src/store/store-schema.ts";
import { StoreWriter } from "../src/store/store-writer.ts";
import { HookGateway, type HookGatewayOptions } from "./support/hook-gateway.ts";
import { Receiver } from "./support/receiver.ts";
import { until } from "./support/until.ts";

describe.each(["a file", "memory"])("the thread that stores hooks in %s ends", (kind) => {
  let folder: string;
  let receiver: Receiver;
  let gateway: HookGateway;
  /** Those that store, oldest first. */
  let threads: Worker[];
  const note = (worker: Worker): void => {
    if (worker.threadName === "hook-store") threads.push(worker);
  };

  async function start(options: HookGatewayOptions = {}): Promise<void> {
    gateway = await HookGateway.start({ path: kind === "memory" ? null : join(folder, "hooks.db"), ...options });
  }
  const endThread = async (): Promise<unknown> => threads.at(-1)?.terminate();

  /** Waits until so many attempts are recorded. */
  async function attemptsOf(id: string, count: number): Promise<void> {
    await until(`${count} attempts`, async () => {
      const { json } = await gateway.ask("GET", `/hooks/${id}/attempts`);
      return (json["attempts"] as readonly object[]).length === count;
    });
  }

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "sluice-hooks-"));
    receiver = await Receiver.start();
    threads = [];
    process.on("worker", note);
  });
  afterEach(async () => {
    process.off("worker", note);
    await gateway.close();
    await receiver.close();
    rmSync(folder, { recursive: true });
  });

  test("it is started again: what was published and asked meanwhile waits for it, what is under way stays so", async () => {
    await start({ scheduleMs: [0, 50, 60_000] });
    const hook = await gateway.hook(receiver.url());
    let retried: ServerResponse | null = null;
    receiver.script = ({ body }, response) => {
      const isRefused = body.includes('"refused"');
      if (isRefused && receiver.received.length > 1) retried = response;
      else response.writeHead(isRefused ? 500 : 200).end();
    };
    await gateway.publish("held", "refused");
    const response = await until("the second attempt", () => retried);
    await gateway.publish("held", "behind it");
    await endThread();
    await gateway.publish("a", 1);
    const made = await gateway.ask("POST", "/hooks", { target_url: receiver.url("/other"), topic: "other" });
    expect(made.status).toBe(201);
    expect(gateway.logged.filter((line) => line.includes("it is started again"))).toHaveLength(1);
    await receiver.take(3);
    // The lane whose head is under way has long been due.
    await attemptsOf(hook.id, 2);
    await gateway.publish("a", 2);
    await attemptsOf(hook.id, 3);
    expect(receiver.data).toEqual(["refused", "refused", 1, 2]);
    response.writeHead(200).end();
    await receiver.take(5);
    expect(receiver.data).toEqual(["refused", "refused", 1, 2, "behind it"]);
    await attemptsOf(hook.id, 5);
    await until("nothing to be held", () => gateway.transport.gauges().held === 0);
  });

  test("again and again, while events are sent, retried and given up: all once, in order, each letter once", async () => {
    const TOPICS = 8;
    const EVENTS = 40;
    // Every topic's fifth event is given up at its third attempt, its seventh succeeds at the second.
    const tries = new Map<string, number>();
    const delivered = new Map<string, number[]>();
    receiver.script = (received, response) => {
      const { topic, data } = JSON.parse(received.body.toString()) as { topic: string; data: number };
      const key = `${topic} ${data}`;
      tries.set(key, (tries.get(key) ?? 0) + 1);
      const isRefused = data % 10 === 5;
      const isLate = data % 10 === 7 && tries.get(key) === 1;
      if (!isRefused && !isLate) delivered.set(topic, [...(delivered.get(topic) ?? []), data]);
      response.writeHead(isRefused || isLate ? 400 : 200).end();
    };
    await start({ scheduleMs: [0, 20, 20, 20, 20] });
    const hook = await gateway.hook(receiver.url());
    for (let data = 0; data < EVENTS; data += 1) {
      for (let topic = 0; topic < TOPICS; topic += 1) await gateway.publish(`t/${topic}`, data);
      if (data % 10 === 6) {
        const { length } = threads;
        await endThread();
        await until("another thread", () => threads.length > length);
      }
    }
    const expected = Array.from({ length: EVENTS }, (_, data) => data).filter((data) => data % 10 !== 5);
    await until(
      "all of them",
      () => delivered.size === TOPICS && [...delivered.values()].every(({ length }) => length >= expected.length),
      60_000,
    );
    for (const sent of delivered.values()) expect(sent).toEqual(expected);
    const { json } = await gateway.ask("GET", `/hooks/${hook.id}/dead-letters`);
    const letters = (Object.values(json)[0] as readonly object[]).map((one) => JSON.stringify(one));
    expect(letters).toHaveLength((TOPICS * EVENTS) / 10);
    expect(new Set(letters).size).toBe(letters.length);
    expect(threads.length).toBe(1 + EVENTS / 10);
  });

  test("what is stopped meanwhile ends without it", async () => {
    await start();
    await gateway.hook(receiver.url());
    const ended = endThread();
    const paused = gateway.ask("POST", "/hooks", { target_url: receiver.url("/other"), topic: "other" });
    await ended;
    await gateway.close();
    // Whether it was in time is chance; that it is answered is not.
    await paused.catch(() => undefined);
    await start();
    await gateway.hook(receiver.url("/another"));
  });
});

const RECORD = { id: "h" } as HookRecord;

/** A copy of an event. */
function kept(position: number): KeptEvent {
  const id = `i${position}`;
  return { epoch: "e", position, id, topic: "t", type: "x", time: "", data: "1", dataContentType: null };
}

/** A lane of one hook that has long been due. */
function lane(position: number): HeldLane {
  const event = kept(position);
  return { hook: "h", lane: `t${position}`, position, event, attempts: 1, step: 1, dueAtMs: 5 };
}

/** What came of its event. */
function letter(position: number): DeadLetter {
  return { event: kept(position), attempts: 3, reason: "refused", atMs: 1 };
}

describe("a store whose thread ends", () => {
  let folder: string;
  let store: HookStore;
  let threads: Worker[];
  const logged: unknown[] = [];
  const note = (worker: Worker): void => void threads.push(worker);
  const log = (fields: object): void => void logged.push(fields);
  const logger: Logger = { debug: log, info: log, warn: log, error: log };
  /** Does not wait. */
  const clock: Clock = { ...systemClock, after: (_delayMs, task) => systemClock.after(0, task) };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-hooks-"));
    threads = [];
    process.on("worker", note);
    store = new HookStore({ path: join(folder, "hooks.db"), clock, logger });
  });
  afterEach(async () => {
    process.off("worker", note);
    await store.close();
    rmSync(folder, { recursive: true });
  });

  test("whenever it does, what is handed over is stored once, and a lane is handed out once", async () => {
    await store.open();
    await store.commit({ kind: "hook", record: RECORD, cursor: "c" });
    const ROUNDS = 30;
    const taken: string[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      store.note({ kind: "dead", hook: "h", number: round, letter: letter(round) });
      const stored = store.commit({ kind: "hold", lane: lane(round), isStopped: false, isTaken: false });
      const due = store.due(10, 100);
      for (let turns = round % 6; turns > 0; turns -= 1) await setImmediate();
      const ending = threads.at(-1)?.terminate();
      taken.push(...(await due).map(({ lane: key }) => key));
      await Promise.all([stored, ending]);
    }
    taken.push(...(await store.due(10, 100)).map(({ lane: key }) => key));
    const rounds = Array.from({ length: ROUNDS }, (_, index) => index + 1);
    expect(taken.toSorted()).toEqual(rounds.map((round) => `t${round}`).toSorted());
    expect(await store.dead("h")).toEqual(rounds.map(letter));
    expect(threads.length).toBeGreaterThan(ROUNDS / 2);
  });

  test("a file that can't be opened for a while is opened when it can be", async () => {
    await store.open();
    await store.commit({ kind: "hook", record: RECORD, cursor: "c" });
    const [path, elsewhere] = [join(folder, "hooks.db"), join(folder, "elsewhere.db")];
    await store.commit({ kind: "dead", hook: "h", number: 1, letter: letter(1) });
    renameSync(path, elsewhere);
    mkdirSync(path);
    await threads.at(-1)?.terminate();
    const asked = store.dead("h");
    await until("it to be refused", () =>
      logged.some((fields) => String((fields as { err?: unknown }).err).includes("can't be used")),
    );
    expect(store.isFailing).toBe(true);
    rmdirSync(path);
    renameSync(elsewhere, path);
    expect(await asked).toEqual([letter(1)]);
    expect(store.isFailing).toBe(false);
  });
});

describe("what the store is asked twice", () => {
  const due: Question = { kind: "due", nowMs: 10, limit: 1 };
  let location: string;
  let keeper: DatabaseSync;
  const open = (lost: readonly number[] | null): StoreWriter => {
    const writer = new StoreWriter(openStore(location, true), lost);
    writer.load();
    return writer;
  };

  beforeEach(() => {
    location = `file:/${randomUUID()}?vfs=memdb`;
    keeper = new DatabaseSync(location);
    open(null).commit([{ kind: "hook", record: RECORD, cursor: "c" }]);
  });
  afterEach(() => keeper.close());

  test("a group that is handed over again changes nothing", () => {
    const group: readonly Change[] = [
      { kind: "hold", lane: lane(1), isStopped: false, isTaken: false },
      { kind: "dead", hook: "h", number: 3, letter: letter(3) },
      { kind: "dead", hook: "h", number: 4, letter: letter(4) },
      { kind: "cursor", hook: "h", cursor: "d" },
      { kind: "free", hook: "h", lane: "t1" },
      { kind: "hold", lane: lane(2), isStopped: false, isTaken: false },
    ];
    open(null).commit(group);
    const writer = open([]);
    writer.commit(group);
    expect(writer.answer({ ticket: 1, question: { kind: "dead", hook: "h" } })).toEqual([letter(3), letter(4)]);
    expect(writer.load()).toMatchObject([{ cursor: "d", lanes: [{ lane: "t2", position: 2 }] }]);
  });

  test("lanes whose taker never heard of them are handed out again; those that somebody is at are not", () => {
    const first = open(null);
    first.commit(
      [1, 2, 3].map((position) => ({ kind: "hold", lane: lane(position), isStopped: false, isTaken: position === 3 })),
    );
    expect(first.answer({ ticket: 1, question: due })).toEqual([lane(1)]);
    expect(first.answer({ ticket: 2, question: due })).toEqual([lane(2)]);
    const second = open([2]);
    expect(second.answer({ ticket: 2, question: due })).toEqual([lane(2)]);
    expect(second.answer({ ticket: 3, question: due })).toEqual([]);
    expect(open(null).answer({ ticket: 1, question: { ...due, limit: 9 } })).toHaveLength(3);
  });
});
