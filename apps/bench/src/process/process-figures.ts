import { readdir, readFile } from "node:fs/promises";

/** CPU that processes have used so far. */
export interface CpuTime {
  /** In all, by the scheduler's own count. */
  readonly totalUs: number;
  /** How that is shared out is known in steps of 10 ms only. */
  readonly userUs: number;
  readonly systemUs: number;
}

const US_PER_TICK = 10_000;
const ENOUGH_TICKS = 10;
const NS_PER_US = 1000;
const BYTES_PER_KIB = 1024;

/** Whether this system tells what processes use: only Linux does, by its `/proc`. */
export const canReadProcesses: boolean = process.platform === "linux";

/** These processes and all that they have started. */
export async function familyOf(pids: readonly number[]): Promise<readonly number[]> {
  const parents = new Map<number, number>();
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const fields = await statOf(Number(name));
    if (fields !== null) parents.set(Number(name), Number(fields[1]));
  }
  const family = new Set(pids);
  for (let size = 0; size < family.size;) {
    size = family.size;
    for (const [pid, parent] of parents) if (family.has(parent)) family.add(pid);
  }
  return [...family];
}

/** CPU that the processes have used so far. */
export async function cpuTimeOf(pids: readonly number[]): Promise<CpuTime> {
  let [totalUs, userUs, systemUs] = [0, 0, 0];
  for (const pid of pids) {
    const [fields, exactUs] = await Promise.all([statOf(pid), scheduledUs(pid)]);
    if (fields === null) continue;
    const [user, system] = [Number(fields[11]) * US_PER_TICK, Number(fields[12]) * US_PER_TICK];
    userUs += user;
    systemUs += system;
    totalUs += exactUs ?? user + system;
  }
  return { totalUs, userUs, systemUs };
}

/** What was used in between: the exact sum, shared out by the rougher figures; by those of all time if it was little. */
export function cpuBetween(before: CpuTime, after: CpuTime): { readonly userUs: number; readonly systemUs: number } {
  const totalUs = after.totalUs - before.totalUs;
  const [user, system] = [after.userUs - before.userUs, after.systemUs - before.systemUs];
  const isRough = user + system < ENOUGH_TICKS * US_PER_TICK;
  const share = isRough ? after.userUs / Math.max(1, after.userUs + after.systemUs) : user / (user + system);
  return { userUs: totalUs * share, systemUs: totalUs * (1 - share) };
}

/** Memory that is in use by the processes, each page once per process, in bytes. */
export async function residentBytesOf(pids: readonly number[]): Promise<number> {
  const each = await Promise.all(
    pids.map(async (pid) => {
      const text = await contentOf(`/proc/${pid}/smaps_rollup`);
      return Number(/^Rss: +(\d+) kB/m.exec(text)?.[1] ?? 0) * BYTES_PER_KIB;
    }),
  );
  return each.reduce((sum, bytes) => sum + bytes, 0);
}

/** CPU of the whole machine that was in use so far, in microseconds; `null` where the system does not tell. */
export async function machineCpuUs(): Promise<number | null> {
  const [user, nice, system, , , interrupts, softInterrupts] = (await contentOf("/proc/stat"))
    .split("\n", 1)
    .flatMap((line) => line.trim().split(/\s+/).slice(1).map(Number));
  if (user === undefined) return null;
  const ticks = [user, nice, system, interrupts, softInterrupts].reduce<number>((sum, part) => sum + (part ?? 0), 0);
  return ticks * US_PER_TICK;
}

/** What stands behind the name in `/proc/PID/stat`, from the state on. */
async function statOf(pid: number): Promise<readonly string[] | null> {
  const text = await contentOf(`/proc/${pid}/stat`);
  return text === "" ? null : text.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** Of all threads, by the scheduler's own count. */
async function scheduledUs(pid: number): Promise<number | null> {
  let sum = 0;
  for (const thread of await namesIn(`/proc/${pid}/task`)) {
    const text = await contentOf(`/proc/${pid}/task/${thread}/schedstat`);
    if (text === "") return null;
    sum += Number(text.split(" ", 1)[0]) / NS_PER_US;
  }
  return sum === 0 ? null : sum;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}

/** A process may end while it is looked at. */
async function contentOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return "";
  }
}
