import { execFile } from "node:child_process";
import { mkdir, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const SOURCE = fileURLToPath(new URL("../../rig/fanload.c", import.meta.url));
const FOLDER = fileURLToPath(new URL("../../.build/", import.meta.url));
const PROGRAM = `${FOLDER}fanload`;
/** The generator ends by itself long before. */
const TIMEOUT_MS = 120_000;

/** What the generator saw in one run; see `rig/README.md`. Times in milliseconds or microseconds as named. */
export interface Measured {
  readonly delivered: number;
  readonly lost: number;
  readonly dup: number;
  readonly ooo: number;
  readonly unacked: number;
  readonly not_sent: number;
  readonly pub_err: number;
  readonly disconnects: number;
  readonly deliv_per_s: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly srv_us_per_msg: number;
  readonly srv_user_us: number;
  readonly msgs_per_read: number;
  readonly other_cores: number;
  /** With `--idle`: resident memory per connection, in KiB. */
  readonly kb_per_conn?: number;
}

/** Builds the load generator if it isn't there yet. Needs a C compiler. */
export async function buildGenerator(): Promise<void> {
  const [built, source] = await Promise.all([timeOf(PROGRAM), timeOf(SOURCE)]);
  if (built > source) return;
  await mkdir(FOLDER, { recursive: true });
  await run("cc", ["-O2", "-pthread", "-o", PROGRAM, SOURCE]);
}

/** One run of the generator. @throws if it could not measure */
export async function generate(options: readonly string[]): Promise<Measured> {
  const { stdout } = await run(PROGRAM, [...options], { timeout: TIMEOUT_MS, maxBuffer: 1 << 24 });
  return JSON.parse(stdout) as Measured;
}

async function timeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs;
  } catch {
    return 0;
  }
}
