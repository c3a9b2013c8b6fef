import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COMPILE_CACHE } from "../process/compile-cache.ts";
import { isListening } from "./ports.ts";

const START_TIMEOUT_MS = 15_000;
/** How long a server may take to end by SIGTERM, on which it ends its workers too. */
const PATIENCE_MS = 2000;
const KEPT_CHARACTERS = 400;

/** A command of a server. */
export interface ServerCommand {
  readonly program: string;
  readonly options: readonly string[];
}

/** A folder of its own, which a server's workers may write to, too. */
export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  await chmod(folder, 0o777);
  return folder;
}

/** The processes of a server and the folder that they work in; both go together. */
export class ServerProcesses {
  readonly #folder: string;
  readonly #children: ChildProcess[] = [];
  #said = "";

  /** @param folder is removed when the server is closed */
  constructor(folder: string) {
    this.#folder = folder;
  }

  get pids(): readonly number[] {
    return this.#children.map(({ pid }) => pid ?? 0);
  }

  /** Starts a process and waits until somebody listens on all of the ports. @throws with what it said */
  async start({ program, options }: ServerCommand, ports: readonly number[]): Promise<void> {
    const child = spawn(program, options, {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...COMPILE_CACHE },
    });
    this.#children.push(child);
    let failure: Error | null = null;
    child.once("error", (error) => (failure = error));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#said = `${this.#said}${text}`.slice(-KEPT_CHARACTERS);
    });
    for (const port of ports) {
      const isOver = (): boolean => failure !== null || child.exitCode !== null;
      // oxlint-disable-next-line no-await-in-loop
      if (await isListening(port, START_TIMEOUT_MS, isOver)) continue;
      throw new Error(`${program} did not start: ${this.#said.trim() || "it said nothing"}`, { cause: failure });
    }
  }

  /** Ends all, in the reverse order of their start. */
  async close(): Promise<void> {
    await Promise.all(this.#children.toReversed().map(end));
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const force = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  await exited;
  clearTimeout(force);
}
