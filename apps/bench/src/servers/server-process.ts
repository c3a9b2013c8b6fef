import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { COMPILE_CACHE } from "../process/compile-cache.ts";
import { isListening } from "./ports.ts";

const WATCHER = fileURLToPath(new URL("watcher-process.ts", import.meta.url));
const START_TIMEOUT_MS = 15_000;
/** How long a server may take to end by SIGTERM, on which it ends its workers too. */
const PATIENCE_MS = 2000;
const KEPT_CHARACTERS = 400;

/** A command of a server. */
export interface ServerCommand {
  readonly program: string;
  readonly options: readonly string[];
}

/** The processes of a server and the folder that they work in: all go together, even if this process is killed. */
export class ServerProcesses {
  /** Their own, which workers under another user's name may write to, too. */
  readonly folder: string;
  readonly #children: ChildProcess[] = [];
  readonly #watcher: ChildProcess;
  #said = "";

  private constructor(folder: string) {
    this.folder = folder;
    this.#watcher = spawn(process.execPath, [WATCHER, folder], { stdio: ["pipe", "ignore", "inherit"] });
    // It is there for this process, not the other way round.
    this.#watcher.unref();
    this.#watcher.stdin?.on("error", () => undefined);
  }

  /** None yet, in a folder that is made for them. */
  static async make(): Promise<ServerProcesses> {
    const folder = await mkdtemp(join(tmpdir(), "sluice-bench-"));
    await chmod(folder, 0o777);
    return new ServerProcesses(folder);
  }

  get pids(): readonly number[] {
    return this.#children.flatMap(({ pid }) => pid ?? []);
  }

  /** Starts a process and waits until somebody listens on all of the ports. @throws with what it said, if all is closed */
  async start({ program, options }: ServerCommand, ports: readonly number[]): Promise<void> {
    const child = spawn(program, options, {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...COMPILE_CACHE },
    });
    this.#children.push(child);
    if (child.pid !== undefined) this.#watcher.stdin?.write(`${child.pid}\n`);
    let failure: Error | null = null;
    child.once("error", (error) => (failure = error));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#said = `${this.#said}${text}`.slice(-KEPT_CHARACTERS);
    });
    for (const port of ports) {
      const isOver = (): boolean => failure !== null || child.exitCode !== null;
      if (await isListening(port, START_TIMEOUT_MS, isOver)) continue;
      await this.close();
      throw new Error(`${basename(program)} did not start: ${this.#said.trim() || "it said nothing"}`, {
        cause: failure,
      });
    }
  }

  /** Ends all, in the reverse order of their start. */
  async close(): Promise<void> {
    await Promise.all(this.#children.toReversed().map(end));
    await rm(this.folder, { recursive: true, force: true });
    this.#watcher.kill("SIGKILL");
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
