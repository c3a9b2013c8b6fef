import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Scenario } from "../src/plan/scenario.ts";
import type { Run } from "../src/results.ts";
import { inPieces } from "./support/in-pieces.ts";
import { CLIENTS, LOSSY, measured, NO_LOSSES, TOPICS } from "./support/measured.ts";
import { ScriptedServer, type Script } from "./support/scripted-server.ts";

const TRANSPORTS = ["polling", "sse", "websocket", "xmpp-tcp", "rest-hooks"] as const;

async function measure(
  transport: string,
  script: Script,
  changes: Partial<Scenario> = {},
): Promise<{ readonly run: Run; readonly server: ScriptedServer }> {
  const server = new ScriptedServer(script);
  return { run: await measured(server, transport, changes), server };
}

test.each(TRANSPORTS)(
  "%s: what is dropped, doubled, put out of order and delayed is found to the last event",
  async (transport) => {
    const script: Script = {
      isDropped: (number) => number % 7 === 3,
      isDoubled: (number) => number % 5 === 1,
      isLate: (number) => number % 10 === 5,
      delayMs: 300,
    };
    const { run, server } = await measure(transport, script, LOSSY);
    const { dropped, doubled, late } = server.counts;
    expect(Math.min(dropped, doubled, late)).toBeGreaterThan(0);
    const readers = CLIENTS / TOPICS;
    expect(run.losses).toEqual({ lost: dropped * readers, doubled: doubled * readers, disordered: late * readers });
    expect(run.delay.p50Ms).toBeGreaterThanOrEqual(300);
    expect(run.delay.histogram[0]?.[0]).toBeGreaterThanOrEqual(300);
  },
);

test.each(["polling", "sse", "websocket", "xmpp-tcp"])(
  "%s: what comes in pieces is put together",
  async (transport) => {
    const run = await measured(inPieces(new ScriptedServer({})), transport, {
      cutMs: transport === "xmpp-tcp" ? 0 : 100,
    });
    expect(run.losses).toEqual(NO_LOSSES);
    if (run.catchUp !== null) expect(run.catchUp.losses).toEqual(NO_LOSSES);
  },
);

test("requests are counted, and those in vain", async () => {
  const { run } = await measure("polling", {});
  expect(run.losses).toEqual(NO_LOSSES);
  const { total, wasted, perDelivery } = run.requests;
  expect(total).toBeGreaterThan(wasted);
  expect(perDelivery).toBeCloseTo(total / run.deliveries, 3);
  expect(run.wire.upBytesPerDelivery).toBeGreaterThan(0);
  expect(run.wire.downBytesPerDelivery).toBeGreaterThan(80);
  expect([run.cpu, run.memory]).toEqual([null, null]);
});

test("a server that takes its time to accept is late for all that had to wait, too", async () => {
  // Both topics wait behind it, since the clock of the publisher goes on.
  const { run } = await measure("sse", { stall: { number: 20, ms: 300 } });
  expect(run.delay.worstMs).toBeGreaterThanOrEqual(300);
  const late = run.delay.histogram.filter(([upToMs]) => upToMs > 100).reduce((sum, [, count]) => sum + count, 0);
  expect(late).toBeGreaterThan(5 * (CLIENTS / TOPICS));
});

test.each([
  { resumeShift: 1, losses: { lost: CLIENTS, doubled: 0, disordered: 0 } },
  { resumeShift: -1, losses: { lost: 0, doubled: CLIENTS, disordered: 0 } },
])("a client that comes back to $resumeShift places beside its own is found out", async ({ resumeShift, losses }) => {
  const { run } = await measure("sse", { resumeShift }, { ...LOSSY, cutMs: 200 });
  expect(run.losses).toEqual(NO_LOSSES);
  expect(run.catchUp).toMatchObject({ cutMs: 200, losses });
  expect(run.catchUp?.wholeAfterMs === null).toBe(resumeShift > 0);
});

test("those who come back to all that they missed are whole", async () => {
  const { run } = await measure("websocket", {}, { cutMs: 200, hasStorm: true });
  const wholeAfterMs = expect.any(Number) as number;
  expect(run.catchUp).toEqual({ cutMs: 200, wholeAfterMs, losses: NO_LOSSES });
  expect(run.storm).toEqual({ wholeAfterMs, losses: NO_LOSSES });
});

test("a server that refuses publications can't be measured", async () => {
  await expect(measure("sse", { refuses: true })).rejects.toThrow("a publication was answered 503: no");
});

test.runIf(process.platform === "linux")("clients that are held up are said to be", async () => {
  const stopped: number[] = [];
  const { run } = await measure("sse", {
    onPublication(number) {
      if (number !== 30) return;
      stopped.push(...clientPids());
      for (const pid of stopped) process.kill(pid, "SIGSTOP");
      setTimeout(() => stopped.forEach((pid) => process.kill(pid, "SIGCONT")), 150);
    },
  });
  expect(stopped).toHaveLength(1);
  expect(run.generator.isSaturated).toBe(true);
  expect(run.generator.worstLagMs).toBeGreaterThanOrEqual(130);
  expect(run.losses.lost).toBe(0);
});

/** Processes of clients that this one has started. */
function clientPids(): readonly number[] {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8").trim().split(" ");
  return children.map(Number).filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("client-process"));
}
