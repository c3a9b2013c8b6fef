// Durable deliveries per CPU-second of the gateway (all its threads) to warm loopback targets: 1 KiB, signed, results in
// SQLite. And: what one target that never answers, or drips, does to 999 healthy ones.
// Run: node packages/transport-rest-hooks/bench/deliveries.ts [throughput|isolation]
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Bus, CLOSE_REASONS, silentMeter, systemClock, toDraft, type Logger } from "@sluice/core";
import { createHttpServer } from "@sluice/http";
import { openSqliteLog } from "@sluice/log-sqlite";
import { restHooks, type RestHooks } from "../src/index.ts";

const KIB = JSON.stringify("x".repeat(860));
const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

interface Rig {
  readonly bus: Bus;
  readonly hooks: RestHooks;
  register(target: string, topic: string): Promise<void>;
  publish(topics: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

async function rig(): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  const retention = { ageMs: 86_400_000, events: 1_000_000, bytes: 2 ** 31 };
  const log = await openSqliteLog({ path: folder, retention, deduplicationMs: 600_000 });
  const bus = new Bus({ log });
  const hooks = restHooks({
    scheduleMs: [0, 5e3, 3e5],
    timeoutMs: 15e3,
    canUseHttp: true,
    trusted: ["*"],
    concurrency: 2e3,
    allow: [
      {
        cidr: "127.0.0.0/8",
        ports: null,
      },
    ],
    perOrigin: 100,
    hasReverseUnsubscribe: true,
    perOwner: 1e4,
    path: join(folder, "hooks.db"),
    source: "urn:bench",
    prefix: "/realtime",
    ownPorts: () => [],
    publicUrl: () => "http://127.0.0.1:1",
  });
  await hooks.start({ bus, clock: systemClock, meter: silentMeter, logger: silent });
  const server = createHttpServer({ headerBytes: 16_384, headTimeoutMs: 10_000, trustProxy: [], logger: silent });
  await server.register(hooks.adminDoor());
  return {
    bus,
    hooks,
    async register(target, topic) {
      const body = JSON.stringify({ target_url: target, topic });
      const answer = await server.inject({
        method: "POST",
        url: "/hooks",
        body,
        headers: { "content-type": "application/json" },
      });
      if (answer.statusCode !== 201) throw new Error(answer.body);
    },
    async publish(topics) {
      await bus.publish(topics.map((topic) => toDraft({ topic, dataText: KIB }, { eventBytes: 100_000 })));
    },
    async close() {
      await hooks.drain(CLOSE_REASONS.draining, 0, AbortSignal.abort());
      await server.close();
      bus.close();
      await log.close();
      rmSync(folder, { recursive: true });
    },
  };
}

async function targets(count: number, dead = 0, drip = 0): Promise<{ ports: readonly number[]; child: ChildProcess }> {
  const child = fork(new URL("./receiver.ts", import.meta.url), [count, dead, drip].map(String));
  const [ports] = (await once(child, "message")) as [readonly number[]];
  return { ports, child };
}

function delivered({ hooks }: Rig): number {
  return hooks.figures.attempts.get("delivered none") ?? 0;
}

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function throughput(origins: number): Promise<void> {
  const { ports, child } = await targets(origins);
  const own = await rig();
  const topics = Array.from({ length: 100 }, (_, index) => `t/${index}`);
  // 100 topics over the origins: each event goes to one hook.
  for (const [index, topic] of topics.entries()) {
    await own.register(`http://127.0.0.1:${ports[index % origins]}/${index}`, topic);
  }
  const round = async (rounds: number): Promise<void> => {
    const goal = delivered(own) + rounds * topics.length;
    for (let index = 0; index < rounds; index += 1) await own.publish(topics);
    await until(() => delivered(own) >= goal);
  };
  await round(30);
  const [cpu, startedMs, before] = [process.cpuUsage(), performance.now(), delivered(own)];
  await round(300);
  const used = process.cpuUsage(cpu);
  const cpuSeconds = (used.user + used.system) / 1e6;
  const count = delivered(own) - before;
  const wall = (performance.now() - startedMs) / 1000;
  say(
    `${origins} origins: ${count} durable deliveries (publishing them included), ${Math.round(count / cpuSeconds)} per CPU-second, ` +
      `${Math.round(count / wall)} per second, ${cpuSeconds.toFixed(2)} CPU-seconds`,
  );
  await own.close();
  child.kill();
}

async function isolation(dead: number, drip: number): Promise<number> {
  const { ports, child } = await targets(1000, dead, drip);
  const own = await rig();
  for (const [index, port] of ports.entries()) await own.register(`http://127.0.0.1:${port}/`, `t/${index}`);
  const topics = ports.map((_, index) => `t/${index}`);
  const [sick = ""] = topics;
  const well = topics.slice(dead + drip);
  for (let index = 0; index < 3; index += 1) {
    const goal = delivered(own) + well.length;
    await own.publish(topics);
    await until(() => delivered(own) >= goal);
  }
  const acks: number[] = [];
  own.hooks.figures.ackSeconds.observe = (ms) => void acks.push(ms);
  // A steady stream that the machine can bear: 20 a tick to healthy ones, the sick one every time.
  for (let tick = 0; tick < 400; tick += 1) {
    const some = Array.from({ length: 20 }, (_, index) => well[(tick * 20 + index) % well.length] ?? "");
    await own.publish(dead + drip > 0 ? [...some, sick] : some);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
  const p99 = acks.toSorted((a, b) => a - b)[Math.floor(acks.length * 0.99)] ?? Number.NaN;
  await own.close();
  child.kill();
  return p99;
}

const what = process.argv[2] ?? "all";
if (what !== "isolation") for (const origins of [1, 10, 100]) await throughput(origins);
if (what !== "throughput") {
  const rounds: { readonly baseline: number; readonly dead: number; readonly drip: number }[] = [];
  // By turns, since the machine is never the same twice.
  for (let round = 0; round < 3; round += 1) {
    rounds.push({ drip: await isolation(0, 1), dead: await isolation(1, 0), baseline: await isolation(0, 0) });
  }
  const median = (name: "baseline" | "dead" | "drip"): number =>
    rounds.map((round) => round[name]).toSorted((a, b) => a - b)[1] ?? Number.NaN;
  for (const [text, name] of [
    ["never answers", "dead"],
    ["drips", "drip"],
  ] as const) {
    say(
      `one of 1000 targets ${text}: publish to ack p99 of the others ${median(name).toFixed(1)} ms, ` +
        `baseline ${median("baseline").toFixed(1)} ms, ×${(median(name) / median("baseline")).toFixed(2)} (medians of 3)`,
    );
  }
}
process.exit();
