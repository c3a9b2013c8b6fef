import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DyingThreads } from "../../packages/log-sqlite/test/dying-threads.ts";
import { drivers } from "../conformance/drivers/index.ts";
import { cursorOf } from "../support/event-json.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { rawElements, rawMember } from "../support/raw-json.ts";
import { SteadyReader } from "../support/steady-reader.ts";
import { until } from "../support/until.ts";

const PRELOAD = new URL("../../packages/log-sqlite/test/dying-threads.ts", import.meta.url).href;
const PUBLISHERS = 8;
const DEATHS = 5;

describe.skipIf(process.platform === "win32")("threads of the log that end by themselves (by a Unix shell)", () => {
  let folder = "";
  let gateway: GatewayProcess;
  let steady: readonly SteadyReader[] = [];

  /** What is put before the command of a gateway whose threads end so. */
  function dying(plan: Omit<DyingThreads, "ledger">): string {
    const settings = JSON.stringify({ ...plan, ledger: join(folder, "deaths") } satisfies DyingThreads);
    return `export NODE_OPTIONS='--import=${PRELOAD}'; export DYING_THREADS='${settings}';`;
  }

  const deaths = (): number => readFileSync(join(folder, "deaths")).length;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "log-threads-"));
    writeFileSync(join(folder, "deaths"), "");
    gateway = await GatewayProcess.start();
  });

  afterEach(async () => {
    await Promise.all(steady.map((reader) => reader.close()));
    steady = [];
    await gateway.close();
    rmSync(folder, { recursive: true });
  });

  test("nothing is refused, lost or doubled, and no reader notices", async () => {
    const [start] = await gateway.publisher.publish({ topic: "start", data: null });
    const before = await gateway.publisher.publish(
      ...Array.from({ length: 300 }, () => ({ topic: "old/1", data: null })),
    );
    // From now on these are on the disk alone.
    await gateway.kill("SIGKILL");
    await gateway.launch(dying({ writer: { when: "after", commits: 40 }, reader: { answers: 8 }, deaths: DEATHS }));
    steady = drivers.map((driver) =>
      SteadyReader.start(driver, { url: gateway.url, topics: ["storm/*"], after: before.at(-1)?.cursor }),
    );
    const acknowledged: string[] = [];
    const over = new AbortController();
    const publishing = Array.from({ length: PUBLISHERS }, async (_, publisher) => {
      for (let count = 0; !over.signal.aborted; count += 1) {
        const ids = [0, 1, 2].map((place) => `${publisher}-${count}-${place}`);
        const events = ids.map((id) => ({ topic: `storm/${publisher}`, id, data: id }));
        const receipts = await gateway.publisher.publish(...events);
        expect(receipts).toEqual(ids.map((id) => ({ id, cursor: expect.any(String) })));
        acknowledged.push(...receipts.map(({ cursor }) => cursor));
      }
    });
    while (deaths() < DEATHS) {
      const old = await readAll(gateway, "old/*", start?.cursor as string, 20);
      expect(old.map(cursorOf)).toEqual(before.map(({ cursor }) => cursor));
    }
    over.abort();
    await Promise.all(publishing);
    const [end] = await gateway.publisher.publish({ topic: "storm/end", id: "end", data: null });

    const all = await readAll(gateway, "storm/*", before.at(-1)?.cursor as string, 1000);
    expect(all).toHaveLength(acknowledged.length + 1);
    expect(new Set(all.map(cursorOf))).toEqual(new Set([...acknowledged, end?.cursor]));
    const ids = all.map((json) => (JSON.parse(json) as { readonly id: string }).id);
    for (let publisher = 0; publisher < PUBLISHERS; publisher += 1) {
      const own = ids.filter((id) => id.startsWith(`${publisher}-`));
      expect(own).toEqual(own.map((_, at) => `${publisher}-${Math.floor(at / 3)}-${at % 3}`));
    }
    for (const [index, { inbox, connections }] of steady.entries()) {
      await inbox.until("the end", () => inbox.cursor === end?.cursor);
      expect({ by: drivers[index]?.name, events: inbox.events }).toEqual({ by: drivers[index]?.name, events: all });
      expect(inbox.gaps).toEqual([]);
      expect(connections).toBe(1);
    }
    expect(gateway.output.match(/a thread of the log has ended; it is started again/g)).toHaveLength(DEATHS);
    await until("the gateway to be ready", async () => (await fetch(`${gateway.adminUrl}/readyz`)).status === 200);
    const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
    expect(metrics).toContain(`\nsluice_log_restarts_total ${DEATHS}\n`);
  });

  test("if none of them lives, the gateway is not ready, and ends with a line that says so", async () => {
    await gateway.kill("SIGKILL");
    await gateway.launch(dying({ writer: { when: "after", commits: 20 }, isStillborn: true, deaths: 1000 }));
    const acknowledged: string[] = [];
    const publishing = (async () => {
      for (;;) {
        const [receipt] = await gateway.publisher.publish({ topic: "t", data: null });
        acknowledged.push(receipt?.cursor as string);
      }
    })().catch(() => "it is gone");
    await until("the gateway not to be ready", async () => (await fetch(`${gateway.adminUrl}/readyz`)).status === 503);
    await until("its end", () => !gateway.isRunning);
    expect(await publishing).toBe("it is gone");
    expect(gateway.exitCode).toBe(1);
    expect(gateway.output).toMatch(
      /^sluice: The log can't be kept going: its writer thread ended 7 times in a row, .*started anew.*\.$/m,
    );
    expect(gateway.output).not.toMatch(/^ +at /m);
    await gateway.launch();
    const all = (await readAll(gateway, "t", "earliest", 1000)).map(cursorOf);
    // The last one was stored, and nobody could be told.
    expect(all.slice(0, -1)).toEqual(acknowledged);
    expect(acknowledged).toHaveLength(19);
  });
});

async function readAll(gateway: GatewayProcess, topic: string, after: string, limit: number): Promise<string[]> {
  const all: string[] = [];
  for (let cursor = after; ;) {
    const response = await fetch(`${gateway.url}/realtime/events?topic=${topic}&limit=${limit}&after=${cursor}`);
    const text = await response.text();
    const events = rawElements(rawMember(text, "events") as string);
    if (events.length === 0) return all;
    all.push(...events);
    cursor = (JSON.parse(text) as { readonly cursor: string }).cursor;
  }
}
