// Beside a server's processes: ends them and removes their folder when whoever started them is gone without having done
// so, by SIGKILL for instance. The pipe to its stdin, on which it is told their ids, ends then.
import { rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

/** How long they may take to end by SIGTERM, on which they end their workers, too. */
const PATIENCE_MS = 2000;
const LOOK_EVERY_MS = 20;

const folder = process.argv[2] ?? "";
const pids: number[] = [];

// Ctrl-C goes to all of a terminal's processes, and this one is the last to go.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
for await (const line of createInterface({ input: process.stdin })) pids.unshift(Number(line));

for (const pid of pids) send(pid, "SIGTERM");
const endMs = performance.now() + PATIENCE_MS;
while (pids.some((pid) => send(pid, 0)) && performance.now() < endMs) await sleep(LOOK_EVERY_MS);
for (const pid of pids) send(pid, "SIGKILL");
await rm(folder, { recursive: true, force: true });

/** Whether there is such a process to send it to. */
function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
