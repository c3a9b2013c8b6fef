import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const WAIT_MS = 30_000;

/** What a process was started with, beside its arguments. */
export interface ProcessOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command as its users have it: a process of its own. */
export class SluiceProcess {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  stdout = "";
  stderr = "";
  #onOutput: (() => void)[] = [];
  #hasEnded = false;

  constructor(args: readonly string[], { cwd, env = {} }: ProcessOptions) {
    // Nothing of the environment of the tests: a SLUICE_ variable there would be a key of the configuration here.
    const { PATH, NODE_COMPILE_CACHE } = process.env;
    this.child = spawn(process.execPath, [MAIN, ...args], { cwd, env: { PATH, NODE_COMPILE_CACHE, ...env } });
    this.child.stdout.setEncoding("utf8").on("data", (text: string) => this.#take("stdout", text));
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => this.#take("stderr", text));
    this.child.stdin.on("error", () => undefined);
    this.ended = new Promise((resolve) => {
      this.child.once("close", (code) => {
        this.#hasEnded = true;
        this.#wake();
        resolve({ code, stdout: this.stdout, stderr: stripVTControlCharacters(this.stderr) });
      });
    });
  }

  /** Whole lines of stdout. */
  get lines(): readonly string[] {
    return this.stdout.split("\n").slice(0, -1);
  }

  /** The lines of stdout, each of which must be JSON. */
  get json(): readonly Readonly<Record<string, unknown>>[] {
    return this.lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  }

  /** Waits until `find` finds something in what the process has said. */
  async until<Found>(what: string, find: () => Found | undefined): Promise<Found> {
    const deadline = Date.now() + WAIT_MS;
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (this.#hasEnded || Date.now() > deadline) {
        throw new Error(`${what} did not come.\nstdout: ${this.stdout}\nstderr: ${this.stderr}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        this.#onOutput.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Waits for so many lines on stdout. */
  untilLines(count: number): Promise<readonly string[]> {
    return this.until(`line ${count}`, () => (this.lines.length >= count ? this.lines : undefined));
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Ends it, if it has not ended yet. */
  async close(): Promise<void> {
    if (!this.#hasEnded) this.kill("SIGKILL");
    await this.ended;
  }

  #take(stream: "stdout" | "stderr", text: string): void {
    this[stream] += text;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#onOutput.splice(0)) wake();
  }
}

/** Runs the command to its end. */
export async function sluice(
  args: readonly string[],
  options: ProcessOptions & { readonly input?: string },
): Promise<Ended> {
  const process = new SluiceProcess(args, options);
  process.child.stdin.end(options.input ?? "");
  return process.ended;
}
