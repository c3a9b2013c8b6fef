import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** Options of {@link GatewayProcess}. */
export interface GatewayProcessOptions {
  readonly publicPort: number;
  readonly adminPort: number;
  /** Folder of the log. */
  readonly data: string;
  /** What `process.env` has. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Takes a line that the operator should see. */
  readonly say: (line: string) => void;
  /** The gateway ended though nobody stopped it. */
  readonly onLost: () => void;
}

const COMMAND = fileURLToPath(new URL("../../gateway/src/main.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../sluice.yaml", import.meta.url));
const READY_WITHIN_MS = 20_000;
const ASK_EVERY_MS = 50;
const STOP_WITHIN_MS = 10_000;
const WARNING_LEVEL = 40;

/** The gateway as it runs for everybody: `sluice serve` in a process of its own. */
export class GatewayProcess {
  /** `http://127.0.0.1:8080` */
  readonly publicUrl: string;
  /** `http://127.0.0.1:8081` */
  readonly adminUrl: string;
  readonly #options: GatewayProcessOptions;
  #child: ChildProcess | undefined;
  #isStopping = false;

  constructor(options: GatewayProcessOptions) {
    this.#options = options;
    this.publicUrl = `http://127.0.0.1:${options.publicPort}`;
    this.adminUrl = `http://127.0.0.1:${options.adminPort}`;
  }

  /** Process id; `undefined` while it is not running. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Starts the process and waits until the gateway is ready.
   * @throws {Error} if it ends or is not ready in time; what it had to say has been said by then
   */
  async start(): Promise<void> {
    const { publicPort, adminPort, data, environment } = this.#options;
    const child = spawn(process.execPath, [COMMAND, "serve", "--config", CONFIG], {
      stdio: ["ignore", "pipe", "inherit"],
      env: {
        ...environment,
        SLUICE_PUBLIC_LISTEN: `127.0.0.1:${publicPort}`,
        SLUICE_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
        SLUICE_LOG_PATH: data,
      },
    });
    this.#child = child;
    createInterface({ input: child.stdout }).on("line", (line) => this.#pass(line));
    const gone = new AbortController();
    child.once("exit", () => {
      this.#child = undefined;
      gone.abort();
    });
    await this.#untilReady(gone.signal);
    if (this.#child === undefined) this.#lose();
    else child.once("exit", () => this.#lose());
  }

  /** Lets it drain, and ends it if that takes too long. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const child = this.#child;
    if (child === undefined) return;
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_WITHIN_MS);
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    await exit;
    clearTimeout(timer);
  }

  /** Ends it at once; for a process that has no time left. */
  kill(): void {
    this.#child?.kill("SIGKILL");
  }

  #lose(): void {
    if (!this.#isStopping) this.#options.onLost();
  }

  async #untilReady(gone: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([gone, AbortSignal.timeout(READY_WITHIN_MS)]);
    while (!signal.aborted) {
      const answer = await fetch(`${this.adminUrl}/readyz`, { signal }).catch(() => undefined);
      await answer?.arrayBuffer();
      if (answer?.ok === true) return;
      await delay(ASK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
    if (gone.aborted) throw new Error("the gateway ended before it was ready");
    this.kill();
    throw new Error(`the gateway was not ready within ${READY_WITHIN_MS / 1000} seconds`);
  }

  /** The gateway's log is JSON lines here; shows warnings and worse. */
  #pass(line: string): void {
    try {
      const { level, msg } = JSON.parse(line) as { readonly level?: unknown; readonly msg?: unknown };
      if (typeof level === "number" && level >= WARNING_LEVEL) this.#options.say(`gateway: ${String(msg)}`);
    } catch {
      this.#options.say(`gateway: ${line}`);
    }
  }
}
