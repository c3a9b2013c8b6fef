import { spawn, type ChildProcess } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { request } from "undici";
import { Publisher } from "./publisher.ts";
import { mergeSettings, type Settings } from "./settings.ts";
import { connectionsOf, newDirectory } from "./test-gateway.ts";
import { until } from "./until.ts";

const MAIN = fileURLToPath(new URL("../../apps/gateway/src/main.ts", import.meta.url));

/** A gateway as its own process, with an SQLite log: for what can only be done to a process. Linux and macOS. */
export class GatewayProcess {
  readonly url: string;
  readonly adminUrl: string;
  readonly publisher: Publisher;
  readonly #directory: string;
  readonly #key: string | undefined;
  #child: ChildProcess | null = null;
  #output = "";

  private constructor(directory: string, publicPort: number, adminPort: number, key: string | undefined) {
    this.#directory = directory;
    this.#key = key;
    this.url = `http://127.0.0.1:${publicPort}`;
    this.adminUrl = `http://127.0.0.1:${adminPort}`;
    this.publisher = new Publisher(this.adminUrl, { connections: 16 });
  }

  /** Starts one: everything public, ports that were free a moment ago. `prefix` is put before its command line. */
  static async start(settings: Settings = {}, prefix: string = ""): Promise<GatewayProcess> {
    const directory = await newDirectory();
    const [publicPort, adminPort] = await freePorts(2);
    const key = (settings["admin"] as { readonly key?: string } | undefined)?.key;
    const gateway = new GatewayProcess(directory, publicPort as number, adminPort as number, key);
    const base: Settings = {
      public: { listen: `127.0.0.1:${publicPort}` },
      admin: { listen: `127.0.0.1:${adminPort}` },
      access: { public: ["**"] },
      log: { kind: "sqlite", path: join(directory, "data") },
    };
    await writeFile(gateway.configPath, JSON.stringify(mergeSettings(base, settings)));
    await gateway.launch(prefix);
    return gateway;
  }

  /** Starts the process, and waits until it is ready. `prefix` is a shell's, for instance to set its limits. */
  async launch(prefix: string = ""): Promise<void> {
    const serve = [MAIN, "serve", "--config", this.configPath];
    const options = {
      env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] },
      stdio: ["ignore", "pipe", "pipe"] as ["ignore", "pipe", "pipe"],
    };
    const child =
      prefix === ""
        ? spawn(process.execPath, serve, options)
        : spawn("/bin/sh", ["-c", `${prefix} exec "$0" "$@"`, process.execPath, ...serve], options);
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8");
      stream?.on("data", (text: string) => (this.#output = (this.#output + text).slice(-4_000_000)));
    }
    await until("the gateway to be ready", async () => {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`It has ended: ${this.#output}`);
      const headers = this.#key === undefined ? {} : { authorization: `Bearer ${this.#key}` };
      const { statusCode, body } = await request(`${this.adminUrl}/readyz`, { headers });
      await body.dump();
      return statusCode === 200;
    });
  }

  /** What it wrote to stdout and stderr, over all its lives; the last 4 MB. */
  get output(): string {
    return this.#output;
  }

  /** Whether it runs. */
  get isRunning(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What it ended with by itself; `null` while it runs. */
  get exitCode(): number | null {
    return this.#child?.exitCode ?? null;
  }

  /** Ends the process with a signal, and waits until it has ended; answers its exit code, if it gave one. */
  async kill(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child === null || !this.isRunning) return child?.exitCode ?? null;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
    return child.exitCode;
  }

  /** Sends a signal that does not end it. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Bytes of memory that the process holds now; from /proc, so Linux alone. */
  async residentBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.#child?.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
  }

  /** Waits until it says that it has `count` readers of the transport. */
  async untilConnections(transport: string, count: number): Promise<void> {
    await until(
      `${count} readers by ${transport}`,
      async () => (await connectionsOf(this.adminUrl, transport)) === count,
    );
  }

  /** Ends it for good, and removes its files. */
  async close(): Promise<void> {
    await this.publisher.close();
    await this.kill("SIGKILL");
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Its configuration file. */
  get configPath(): string {
    return join(this.#directory, "sluice.json");
  }
}

/**
 * Ports that nobody listens on. They must stay the same over restarts, so the system can't choose them each time; and it
 * gives those from 32768 on to whoever connects to something, also while the gateway is down.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(10_000, 32_768);
    if (!ports.has(port) && (await isFree(port))) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
