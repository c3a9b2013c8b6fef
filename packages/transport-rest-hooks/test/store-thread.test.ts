import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Change, HeldLane, Question } from "../src/store/store-messages.ts";
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
    const letters = (Object.values(json)[0] as readonly object[]).map((letter) => JSON.stringify(letter));
    expect(letters).toHaveLength((TOPICS * EVENTS) / 10);
    expect(threads.length).toBe(1 + EVENTS / 10);
  }, 90_000);

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

describe("what the store is asked twice", () => {
  const lane = (position: number, more: Partial<HeldLane> = {}): HeldLane => {
    const kept = { epoch: "e", position, id: `i${position}`, topic: "t", type: "x", time: "", data: "1" };
    const event = { ...kept, dataContentType: null };
    return { hook: "h", lane: `t${position}`, position, event, attempts: 1, step: 1, dueAtMs: 5, ...more };
  };
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
    const record = { id: "h" } as Extract<Change, { kind: "hook" }>["record"];
    open(null).commit([{ kind: "hook", record, cursor: "c" }]);
  });
  afterEach(() => keeper.close());

  test("a group that is handed over again changes nothing", () => {
    const { event } = lane(1);
    if (event === null) throw new Error("no event");
    const letter = { event, attempts: 3, reason: "refused", atMs: 1 };
    const group: readonly Change[] = [
      { kind: "hold", lane: lane(1), isStopped: false, isTaken: false },
      { kind: "dead", hook: "h", number: 3, letter },
      { kind: "dead", hook: "h", number: 4, letter },
      { kind: "cursor", hook: "h", cursor: "d" },
      { kind: "free", hook: "h", lane: "t1" },
      { kind: "hold", lane: lane(2), isStopped: false, isTaken: false },
    ];
    open(null).commit(group);
    const writer = open([]);
    writer.commit(group);
    expect(writer.answer({ ticket: 1, question: { kind: "dead", hook: "h" } })).toEqual([letter, letter]);
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
