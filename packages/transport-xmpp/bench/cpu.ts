// What an event costs the gateway per reader: our own WebSocket transport, XMPP by TCP, XMPP by WebSocket. The gateway is
// a process as users run it, the readers are another; rounds by turns, since a machine is never the same twice. XMPP
// readers log in by SCRAM with stream management and durable subscriptions. CPU is that of /proc/PID/stat, all threads,
// user and system; what a ratio compares are neighbours in time. About three minutes; the first round is thrown away.
// Run: node packages/transport-xmpp/bench/cpu.ts [rounds] [readers] [kinds, with commas] [events per second]
import { fork, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Gateway, Kind } from "./reader.ts";
import type { Asked } from "./readers.ts";

const MAIN = fileURLToPath(new URL("../../../apps/gateway/src/main.ts", import.meta.url));
const ALL: readonly Kind[] = ["websocket", "xmpp-tcp", "xmpp-websocket"];
const DATA = "x".repeat(100);
const WARM_MS = 2000;
/** Twice the time after which a reader is asked what it has got. */
const PHASE_MS = 10_000;
const GIVE_UP_MS = 10_000;
const READY_TRIES = 400;
/** Of `utime` and `stime`: USER_HZ is 100 on every Linux that Node runs on. */
const TICK_MS = 10;
const PASSWORD = "bench";

const rounds = Number(process.argv[2] ?? 5);
const count = Number(process.argv[3] ?? 1000);
const kinds = ALL.filter((kind) => process.argv[4]?.split(",").includes(kind) ?? true);
/** The fewer, the more of it is what a reader costs by the second: being asked what it has got, its place on disk. */
const perSecond = Number(process.argv[5] ?? 30);

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function wait(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** Ports that nobody listened on a moment ago. */
async function freePorts(wanted: number): Promise<readonly number[]> {
  const servers = Array.from({ length: wanted }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) server.close();
  return ports;
}

function start(folder: string, publicPort: number, adminPort: number, xmppPort: number): ChildProcess {
  const accounts = Array.from({ length: count }, (_, n) => ({ name: `reader${n}`, password: PASSWORD, read: ["**"] }));
  const config = join(folder, "sluice.json");
  const settings = {
    public: { listen: `127.0.0.1:${publicPort}` },
    admin: { listen: `127.0.0.1:${adminPort}` },
    access: { public: ["**"] },
    log: { kind: "sqlite", path: join(folder, "data") },
    transports: { xmpp: { domain: "localhost", tcp: { listen: `127.0.0.1:${xmppPort}` }, websocket: true, accounts } },
    limits: { connections_per_ip: 100_000 },
    logging: { level: "error" },
  };
  writeFileSync(config, JSON.stringify(settings));
  // With BENCH_NODE_OPTIONS a profiler, for instance.
  const options = (process.env["BENCH_NODE_OPTIONS"] ?? "").split(" ").filter((option) => option !== "");
  return spawn(process.execPath, [...options, MAIN, "serve", "--config", config], { stdio: "inherit" });
}

async function ready(adminUrl: string): Promise<void> {
  for (let tries = 0; tries < READY_TRIES; tries += 1) {
    const isReady = await fetch(`${adminUrl}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) return;
    await wait(25);
  }
  throw new Error("the gateway does not start");
}

function cpuMs({ pid }: ChildProcess): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  // Behind the name, which may hold anything, the state is the third field; `utime` and `stime` are 14 and 15.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

async function told(readers: ChildProcess, asked: Asked): Promise<number> {
  const answered = once(readers, "message") as Promise<[number]>;
  readers.send(asked);
  const [answer] = await answered;
  return answer;
}

/** Publishes evenly; answers how many. */
async function publish(adminUrl: string, topic: string, ms: number): Promise<number> {
  const startedMs = performance.now();
  let published = 0;
  for (; published < (ms / 1000) * perSecond; published += 1) {
    await wait(Math.max(0, startedMs + (published * 1000) / perSecond - performance.now()));
    const body = JSON.stringify({ topic, data: DATA });
    const answer = await fetch(`${adminUrl}/events`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    if (answer.status !== 201) throw new Error(`publishing was answered ${answer.status}`);
    await answer.arrayBuffer();
  }
  return published;
}

/** Waits until the readers have so many events. */
async function arrived(readers: ChildProcess, wanted: number): Promise<void> {
  const giveUpMs = performance.now() + GIVE_UP_MS;
  for (let events = 0; events !== wanted; events = await told(readers, { count: true })) {
    if (performance.now() > giveUpMs) throw new Error(`of ${wanted} events ${events} came`);
    await wait(20);
  }
}

/** Microseconds of the gateway's CPU per event and reader. */
async function measure(kind: Kind, gateway: Gateway, adminUrl: string): Promise<number> {
  await told(readers, { open: kind, count, gateway });
  const warm = await publish(adminUrl, gateway.topic, WARM_MS);
  await arrived(readers, warm * count);
  const beforeMs = cpuMs(served);
  const published = await publish(adminUrl, gateway.topic, PHASE_MS);
  await arrived(readers, (warm + published) * count);
  const usedMs = cpuMs(served) - beforeMs;
  await told(readers, { close: true });
  // The gateway sees the ends of all of them before the next begin.
  await wait(WARM_MS);
  return (usedMs * 1000) / (published * count);
}

function median(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN;
}

const [publicPort = 0, adminPort = 0, xmppPort = 0] = await freePorts(3);
const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
const served = start(folder, publicPort, adminPort, xmppPort);
const readers = fork(new URL("./readers.ts", import.meta.url));
const adminUrl = `http://127.0.0.1:${adminPort}`;
const figures: Record<Kind, number[]> = { websocket: [], "xmpp-tcp": [], "xmpp-websocket": [] };
try {
  await ready(adminUrl);
  say(`${count} readers of one topic, ${perSecond} events/s of 100 B; ${cpus().length} cores, load ${loadavg()[0]}`);
  for (let round = 0; round <= rounds; round += 1) {
    for (const kind of kinds) {
      const gateway = { httpPort: publicPort, xmppPort, topic: `bench-${round}-${kind}`, password: PASSWORD };
      const used = await measure(kind, gateway, adminUrl);
      if (round > 0) figures[kind].push(used);
    }
    const last = kinds.map((kind) => `${kind} ${figures[kind].at(-1)?.toFixed(2) ?? "–"}`);
    say(round === 0 ? "warm" : `round ${round}: ${last.join(", ")} µs`);
  }
  for (const kind of kinds) {
    const ratios = figures[kind].map((figure, round) => figure / (figures.websocket[round] ?? Number.NaN));
    say(`${kind}: ${median(figures[kind]).toFixed(2)} µs per delivered event, ×${median(ratios).toFixed(2)}`);
  }
} finally {
  readers.kill();
  served.kill("SIGTERM");
  await once(served, "exit");
  rmSync(folder, { recursive: true });
}
