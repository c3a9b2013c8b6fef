// What a storm of hooks does to WebSocket readers of another topic. The gateway is a process as users run it, with an
// SQLite log; targets and readers are others. Rounds without and with the storm, by turns, for the machine is never the
// same twice; medians of the rounds, and their ratio. A good minute where nobody else uses the machine: a round in which
// others took more than a quarter of a core says little, and is made again as long as there is patience for it.
// Run: node packages/transport-rest-hooks/bench/latency.ts [events of the storm per second]
import { execFileSync, fork, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { cpus, setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Pool } from "undici";
import type { Latencies, Phase } from "./readers.ts";

const MAIN = fileURLToPath(new URL("../../../apps/gateway/src/main.ts", import.meta.url));
const HOOKS = 500;
const TARGETS = 20;
const READERS = 10;
const TICKS_PER_SECOND = 100;
const ROUNDS = 8;
/** Cores that others may use in a round that counts. */
const DISTURBED_CORES = 0.25;
/** After so long a disturbed round is better than none. */
const PATIENCE_MS = 300_000;
/** The first storm, before anything is measured. */
const FIRST_MS = 5000;
const WARM_MS = 500;
const PHASE_MS = 3000;
const READY_TRIES = 400;
const KIB = "x".repeat(860);
const JSON_TYPE = { "content-type": "application/json" };

/** One phase. */
interface Measured {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** 99th percentile of the event loop's delay in the gateway. */
  readonly loopMs: number;
  readonly deliveriesPerSecond: number;
  /** Cores that the gateway used, all its threads. */
  readonly cores: number;
  /** Cores that processes used which have nothing to do with this; `NaN` where that can't be known. */
  readonly otherCores: number;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function wait(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** Ports that nobody listened on a moment ago. */
async function freePorts(): Promise<readonly [number, number]> {
  const servers = [createServer().listen(0, "127.0.0.1"), createServer().listen(0, "127.0.0.1")] as const;
  await Promise.all(servers.map((server) => once(server, "listening")));
  const [first, second] = servers.map((server) => (server.address() as AddressInfo).port) as [number, number];
  for (const server of servers) server.close();
  return [first, second];
}

class Gateway {
  readonly url: string;
  readonly adminUrl: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  readonly #child: ChildProcess;
  readonly #admin: Pool;

  constructor(publicPort: number, adminPort: number) {
    this.url = `http://127.0.0.1:${publicPort}`;
    this.adminUrl = `http://127.0.0.1:${adminPort}`;
    this.#admin = new Pool(this.adminUrl, { connections: 16 });
    const config = join(this.#folder, "sluice.json");
    const settings = {
      public: { listen: `127.0.0.1:${publicPort}` },
      admin: { listen: `127.0.0.1:${adminPort}` },
      access: { public: ["**"] },
      log: { kind: "sqlite", path: join(this.#folder, "data") },
      transports: { "rest-hooks": { http: true, allow: ["127.0.0.0/8"] } },
      logging: { level: "error" },
    };
    writeFileSync(config, JSON.stringify(settings));
    // With BENCH_NODE_OPTIONS a profiler, for instance.
    const options = (process.env["BENCH_NODE_OPTIONS"] ?? "").split(" ").filter((option) => option !== "");
    this.#child = spawn(process.execPath, [...options, MAIN, "serve", "--config", config], { stdio: "inherit" });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async ready(): Promise<void> {
    for (let tries = 0; tries < READY_TRIES; tries += 1) {
      try {
        await this.get("/readyz");
        return;
      } catch {
        await wait(25);
      }
    }
    throw new Error("the gateway does not start");
  }

  async get(path: string): Promise<string> {
    const answer = await this.#admin.request({ method: "GET", path });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`${path}: ${text}`);
    return text;
  }

  async post(path: string, value: unknown): Promise<void> {
    const answer = await this.#admin.request({ method: "POST", path, headers: JSON_TYPE, body: JSON.stringify(value) });
    const text = await answer.body.text();
    if (answer.statusCode !== 201) throw new Error(`${path}: ${text}`);
  }

  async close(): Promise<void> {
    await this.#admin.destroy();
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await ended;
    rmSync(this.#folder, { recursive: true });
  }
}

/** Sum of a metric over its labels, of those lines that hold `label`. */
function metric(text: string, name: string, label = ""): number {
  let sum = 0;
  for (const line of text.split("\n")) {
    const isOf = line.startsWith(`${name} `) || line.startsWith(`${name}{`);
    if (isOf && line.includes(label)) sum += Number(line.slice(line.lastIndexOf(" ") + 1));
  }
  return sum;
}

/** CPU-seconds that the whole machine has used, but for these processes and this one. Linux only, else `NaN`. */
function cpuOfOthers(pids: readonly number[]): number {
  if (!existsSync("/proc/self/stat")) return Number.NaN;
  let ticks = 0;
  for (const { times } of cpus()) ticks += (times.user + times.nice + times.sys + times.irq) / 10;
  for (const pid of [...pids, process.pid]) {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // proc_pid_stat(5): utime and stime are the 14th and 15th, and the name before them may hold anything.
    const [user, system] = stat.slice(stat.lastIndexOf(")")).split(" ").slice(12, 14);
    ticks -= Number(user) + Number(system);
  }
  return ticks / 100;
}

/**
 * A receiver of hooks is another machine, and must not take a core away from the gateway: where the system can, it only
 * runs while nobody else wants to.
 */
function beOtherMachine(pid: number): void {
  try {
    execFileSync("chrt", ["--all-tasks", "--idle", "--pid", "0", String(pid)]);
  } catch {
    setPriority(pid, 19);
  }
}

/** Waits until nobody else uses the machine. */
async function calm(pids: readonly number[], isDisturbed: (cores: number) => boolean): Promise<void> {
  for (;;) {
    const [before, startedMs] = [cpuOfOthers(pids), performance.now()];
    await wait(WARM_MS);
    if (!isDisturbed((cpuOfOthers(pids) - before) / ((performance.now() - startedMs) / 1000))) return;
  }
}

async function measure(gateway: Gateway, readers: ChildProcess, pids: readonly number[]): Promise<Measured> {
  const before = await gateway.get("/metrics");
  const othersBefore = cpuOfOthers(pids);
  const startedMs = performance.now();
  const answered = once(readers, "message") as Promise<[Latencies]>;
  readers.send({ ms: PHASE_MS } satisfies Phase);
  const [{ sortedMs, isComplete }] = await answered;
  const seconds = (performance.now() - startedMs) / 1000;
  const otherCores = (cpuOfOthers(pids) - othersBefore) / seconds;
  const after = await gateway.get("/metrics");
  if (!isComplete) throw new Error("not all events reached all readers");
  const grown = (name: string, label?: string): number =>
    (metric(after, name, label) - metric(before, name, label)) / seconds;
  return {
    p50Ms: sortedMs[Math.floor(sortedMs.length * 0.5)] ?? Number.NaN,
    p99Ms: sortedMs[Math.floor(sortedMs.length * 0.99)] ?? Number.NaN,
    loopMs: metric(after, "nodejs_eventloop_lag_p99_seconds") * 1000,
    deliveriesPerSecond: grown("sluice_hook_attempts_total", "delivered"),
    cores: grown("process_cpu_seconds_total"),
    otherCores,
  };
}

function median(rounds: readonly Measured[], name: keyof Measured): number {
  return rounds.map((round) => round[name]).toSorted((a, b) => a - b)[Math.floor(rounds.length / 2)] ?? Number.NaN;
}

function told(name: string, rounds: readonly Measured[]): void {
  const one = (key: keyof Measured): string => median(rounds, key).toFixed(1);
  say(
    `${name}: WebSocket p50 ${one("p50Ms")} ms, p99 ${one("p99Ms")} ms (rounds ${rounds.map(({ p99Ms }) => p99Ms.toFixed(1)).join(" ")}); ` +
      `event loop p99 ${one("loopMs")} ms; ${median(rounds, "deliveriesPerSecond").toFixed(0)} deliveries/s; ` +
      `${median(rounds, "cores").toFixed(2)} cores, others ${median(rounds, "otherCores").toFixed(2)}`,
  );
}

/** Publishes events that all hooks want, until it is stopped. */
function storm(gateway: Gateway, perSecond: number): () => Promise<void> {
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    for (let number = 0; !stopping.signal.aborted; number += 1) {
      await gateway.post("/events", { topic: `storm/${number % 10}`, data: KIB });
      await wait(1000 / perSecond);
    }
  };
  const ended = run();
  return async () => {
    stopping.abort();
    await ended;
  };
}

const perSecond = Number(process.argv[2] ?? 4);
const receivers = fork(new URL("./plain-receiver.ts", import.meta.url), [String(TARGETS)]);
beOtherMachine(receivers.pid ?? 0);
const [ports] = (await once(receivers, "message")) as [readonly number[]];
const gateway = new Gateway(...(await freePorts()));
await gateway.ready();
const registered = Array.from({ length: HOOKS }, (_, index) =>
  gateway.post("/hooks", { url: `http://127.0.0.1:${ports[index % TARGETS]}/${index}`, topic: "storm/*" }),
);
await Promise.all(registered);
const args = [gateway.url, gateway.adminUrl, READERS, TICKS_PER_SECOND].map(String);
const readers = fork(new URL("./readers.ts", import.meta.url), args);
await once(readers, "message");
const pids = [gateway, readers, receivers].map(({ pid = 0 }) => pid);
const [quiet, stormy]: [Measured[], Measured[]] = [[], []];
const endOfPatienceMs = performance.now() + PATIENCE_MS;
const isDisturbed = (cores: number): boolean => cores > DISTURBED_CORES && performance.now() < endOfPatienceMs;
let disturbed = 0;
const stopFirst = storm(gateway, perSecond);
await wait(FIRST_MS);
await stopFirst();
while (quiet.length < ROUNDS) {
  await calm(pids, isDisturbed);
  const stop = storm(gateway, perSecond);
  await wait(WARM_MS);
  const withStorm = await measure(gateway, readers, pids);
  await stop();
  await wait(WARM_MS);
  const without = await measure(gateway, readers, pids);
  if (isDisturbed(withStorm.otherCores) || isDisturbed(without.otherCores)) disturbed += 1;
  else {
    stormy.push(withStorm);
    quiet.push(without);
  }
}
say(
  `${HOOKS} hooks at ${TARGETS} origins, ${perSecond} events/s for all of them; medians of ${ROUNDS} rounds of ` +
    `${PHASE_MS / 1000} s by turns, ${disturbed} more were disturbed by others`,
);
told("without", quiet);
told("with   ", stormy);
say(`WebSocket p99 ×${(median(stormy, "p99Ms") / median(quiet, "p99Ms")).toFixed(2)}`);
readers.kill();
receivers.kill();
await gateway.close();
