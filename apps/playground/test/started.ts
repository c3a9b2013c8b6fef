import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";
import { WAIT } from "./wait.ts";

const START = fileURLToPath(new URL("../src/start.ts", import.meta.url));

/** Flags that have every listener take a free port. */
export const FREE_PORTS: readonly string[] = ["page", "public", "admin", "xmpp", "shop"].flatMap((name) => [
  `--${name}-port`,
  "0",
]);

/** `npm start`'s program as a process of its own. */
export class Started {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown[]>;
  stdout = "";
  stderr = "";

  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, [START, ...args], { env: { ...process.env, ...environment } });
    this.#child.stdout?.on("data", (bytes: Buffer) => (this.stdout += bytes.toString()));
    this.#child.stderr?.on("data", (bytes: Buffer) => (this.stderr += bytes.toString()));
    this.#exit = once(this.#child, "close");
  }

  /** The shop and the gateway on free ports, with a log in this folder, ten times as fast as on the menu. */
  static async open(data: string): Promise<Started> {
    const started = new Started([...FREE_PORTS, "--speed", "10", "--data", data]);
    await started.untilSaid("Then order:");
    return started;
  }

  /** Waits until stdout holds the text. */
  async untilSaid(text: string): Promise<void> {
    await vi.waitUntil(() => this.stdout.includes(text) || this.#child.exitCode !== null, WAIT);
    if (!this.stdout.includes(text)) throw new Error(`it ended without saying "${text}": ${this.stderr}`);
  }

  /** Process id of the gateway as it was started first. */
  get gatewayPid(): number {
    return Number(this.#find(/process (\d+)/));
  }

  /** The gateway's public address, and the shop's. */
  get front(): string {
    return this.#find(/Gateway\s+(http:\S+)/);
  }

  /** The page's address. */
  get page(): string {
    return this.#find(/The pizza parlour is open: (http:\S+)/);
  }

  /** The app's own address. */
  get app(): string {
    return this.#find(/The app behind it\s+(http:\S+)/);
  }

  get admin(): string {
    return this.#find(/metrics: (http:[^\s,]+)/);
  }

  /** The printed command that begins with the title. */
  command(title: string): string {
    return this.#find(new RegExp(`${title}\\s+((?:curl|npm|node) .*)`));
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for the end; the exit code. */
  async exitCode(): Promise<number | null> {
    await this.#exit;
    return this.#child.exitCode;
  }

  #find(pattern: RegExp): string {
    const found = pattern.exec(this.stdout)?.[1];
    if (found === undefined) throw new Error(`no ${String(pattern)} in: ${this.stdout}`);
    return found;
  }
}
