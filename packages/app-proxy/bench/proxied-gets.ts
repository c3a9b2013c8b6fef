/**
 * Plain GETs through the gateway against the same through @fastify/http-proxy alone, in turns and in one run.
 *
 *     node packages/app-proxy/bench/proxied-gets.ts [seconds per turn] [connections]
 *
 * App, proxies and load are processes of their own. Beside requests per second it gives the CPU time that a proxy's
 * process used per request, which depends less on what else the machine does.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const KINDS = ["http-proxy", "app-proxy", "app-proxy, a resource"] as const;
const ROUNDS = 5;
const turnMs = Number(process.argv[2] ?? 3) * 1000;
const connections = process.argv[3] ?? "32";

function start(file: string, args: readonly string[]): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), args);
}

async function told<Message>(child: ChildProcess): Promise<Message> {
  const [message] = (await once(child, "message")) as [Message];
  return message;
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
}

const app = start("app.ts", []);
const appUrl = await told<string>(app);
const proxies = await Promise.all(
  KINDS.map(async (kind) => {
    const child = start("proxy.ts", [kind, appUrl]);
    return { kind, child, url: await told<string>(child), rates: [] as number[], costs: [] as number[] };
  }),
);
// The first round warms up.
for (let round = 0; round <= ROUNDS; round += 1) {
  for (const { child, url, rates, costs } of proxies) {
    child.send("cpu");
    await told(child);
    const load = start("load.ts", [url, connections, String(turnMs)]);
    const { requests, ms } = await told<{ readonly requests: number; readonly ms: number }>(load);
    child.send("cpu");
    const cpuUs = await told<number>(child);
    if (round === 0) continue;
    rates.push((requests / ms) * 1000);
    costs.push(cpuUs / requests);
  }
}
const base = median(proxies[0]?.rates ?? []);
for (const { kind, rates, costs } of proxies) {
  const rate = median(rates);
  process.stdout.write(
    `${kind.padEnd(24)}${rate.toFixed(0).padStart(8)} requests/s  ${(base / rate).toFixed(2)}× the time of http-proxy  ${median(costs).toFixed(0).padStart(5)} µs CPU each\n`,
  );
}
for (const { child } of proxies) child.kill();
app.kill();
