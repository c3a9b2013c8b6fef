import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openSqliteLog } from "@sluice/log-sqlite";
import { ManualClock } from "@sluice/core/testing";
import { toDraft, type EventLog } from "@sluice/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { StoreOpenError } from "../src/index.ts";
import { HookGateway, type HookGatewayOptions } from "./support/hook-gateway.ts";
import { Receiver, status } from "./support/receiver.ts";
import { until } from "./support/until.ts";

const RETENTION = { ageMs: 86_400_000, events: 1_000_000, bytes: 2 ** 30 };

describe("what is kept", () => {
  let folder: string;
  let receiver: Receiver;
  let gateway: HookGateway;
  let log: EventLog;

  async function start(options: HookGatewayOptions & { retention?: typeof RETENTION } = {}): Promise<void> {
    log = await openSqliteLog({ path: folder, retention: options.retention ?? RETENTION, deduplicationMs: 0 });
    gateway = await HookGateway.start({ log, path: join(folder, "hooks.db"), ...options });
  }

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "sluice-hooks-"));
    receiver = await Receiver.start();
  });
  afterEach(async () => {
    await gateway.close();
    await receiver.close();
    rmSync(folder, { recursive: true });
  });

  test("hooks, cursors, held events and secrets outlive the process; the file is its owner's alone", async () => {
    const clock = new ManualClock(Date.now());
    await start({ clock });
    const hook = await gateway.hook(receiver.url());
    await gateway.publish("a", 0);
    await receiver.take(1);
    receiver.script = status(500);
    await gateway.publish("a", 1);
    await receiver.take(2);
    await until(
      "the record",
      async () => ((await gateway.ask("GET", `/hooks/${hook.id}/attempts`)).json["attempts"] as object[]).length === 2,
    );
    await gateway.close();
    expect(statSync(join(folder, "hooks.db")).mode & 0o777).toBe(0o600);
    receiver.script = status(200);
    await start({ clock });
    await gateway.publish("a", 2);
    await gateway.publish("b", 3);
    await receiver.take(3);
    expect(receiver.data).toEqual([0, 1, 3]);
    await until("the retry", () => {
      clock.advance(1000);
      return receiver.received.length >= 5;
    });
    expect(receiver.data).toEqual([0, 1, 3, 1, 2]);
    expect(receiver.received.map(({ headers }) => headers["sluice-attempt"])).toEqual(["1", "1", "1", "2", "1"]);
  });

  test("what is due after a restart is tried again, though nothing else happens", async () => {
    await start({ scheduleMs: [0, 100] });
    receiver.script = status(500);
    const hook = await gateway.hook(receiver.url());
    await gateway.publish("a", 0);
    // Pausing waits until what came of it is stored.
    await receiver.take(1);
    await gateway.ask("POST", `/hooks/${hook.id}/pause`);
    await gateway.ask("POST", `/hooks/${hook.id}/resume`);
    await gateway.close();
    const tried = receiver.received.length;
    expect(tried).toBe(1);
    receiver.script = status(200);
    await start();
    await receiver.take(tried + 1);
  });

  test("100 000 events of backlog are delivered in order, with little of them in memory", async () => {
    await start();
    const hook = await gateway.hook(receiver.url(), { topic: "t/*" });
    await gateway.ask("POST", `/hooks/${hook.id}/pause`);
    for (let from = 0; from < 100_000; from += 1000) {
      const drafts = Array.from({ length: 1000 }, (_, index) =>
        toDraft({ topic: `t/${(from + index) % 10}`, dataText: String(from + index) }, { eventBytes: 1000 }),
      );
      await gateway.bus.publish(drafts);
    }
    await gateway.ask("POST", `/hooks/${hook.id}/resume`);
    const newest = new Map<string, number>();
    let count = 0;
    await until(
      "all of them",
      () => {
        for (const { body } of receiver.received.splice(0)) {
          const { topic, data } = JSON.parse(body.toString()) as { topic: string; data: number };
          expect(data).toBe((newest.get(topic) ?? Number(topic.slice(2)) - 10) + 10);
          newest.set(topic, data);
          count += 1;
        }
        return count === 100_000;
      },
      240_000,
    );
  }, 300_000);

  test("what retention took from a paused hook is told, once, with the next delivery", async () => {
    await start({ retention: { ...RETENTION, events: 5 } });
    const hook = await gateway.hook(receiver.url());
    const before = await gateway.publish("a", 0);
    await receiver.take(1);
    await until("the cursor", async () => (await gateway.state(hook.id))["cursor"] === before);
    await gateway.ask("POST", `/hooks/${hook.id}/pause`);
    for (let data = 1; data <= 20; data += 1) await gateway.publish("a", data);
    await until("the trim", () => log.bounds().trimmedThrough >= 15);
    await gateway.ask("POST", `/hooks/${hook.id}/resume`);
    await until("the newest", () => receiver.data.includes(20));
    const told = receiver.received.map(({ headers }) => headers["sluice-gap"]).filter((header) => header !== undefined);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(new RegExp(`^after="${before}", resumed_at="[0-9a-z]+-[0-9a-z]+", reason="expired"$`));
    expect(receiver.received[1]?.headers["sluice-gap"]).toBe(told[0]);
  });

  test("a log that was made anew: what is held is sent, the gap is told, and the topic goes on", async () => {
    const clock = new ManualClock(Date.now());
    await start({ clock });
    receiver.script = status(500);
    const hook = await gateway.hook(receiver.url());
    for (let data = 0; data < 50; data += 1) await gateway.publish("a", data);
    await receiver.take(1);
    await until(
      "the record",
      async () => ((await gateway.ask("GET", `/hooks/${hook.id}/attempts`)).json["attempts"] as object[]).length === 1,
    );
    await gateway.close();
    for (const name of ["log.db", "log.db-wal", "log.db-shm"]) rmSync(join(folder, name), { force: true });
    receiver.script = status(200);
    // An epoch is a matter of seconds.
    await until("another second", () => Date.now() % 1000 > 900);
    await until("another second", () => Date.now() % 1000 < 500);
    await start({ clock });
    await gateway.publish("a", "new");
    await until("the head and the new one", () => {
      clock.advance(1000);
      return receiver.received.length >= 3;
    });
    expect(receiver.data).toEqual([0, 0, "new"]);
    expect(receiver.received[1]?.headers["sluice-gap"]).toContain('reason="reset"');
  });

  test("a file of a newer format, or of something else, is refused", async () => {
    await start();
    await gateway.close();
    const path = join(folder, "hooks.db");
    const db = new DatabaseSync(path);
    db.exec("PRAGMA user_version = 99");
    db.close();
    log = await openSqliteLog({ path: folder, retention: RETENTION, deduplicationMs: 0 });
    await expect(HookGateway.start({ log, path })).rejects.toThrow(StoreOpenError);
    const other = new DatabaseSync(path);
    other.exec("PRAGMA user_version = 1; PRAGMA application_id = 7");
    other.close();
    await expect(HookGateway.start({ log, path })).rejects.toThrow("another application");
    await log.close();
    rmSync(path);
    await start();
  });
});
