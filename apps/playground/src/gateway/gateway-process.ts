import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Options of {@link GatewayProcess}. */
export interface GatewayProcessOptions {
  /** URL of the app behind it: `http://127.0.0.1:3000`. */
  readonly app: string;
  /** 0 is any free one. */
  readonly publicPort: number;
  /** 0 is any free one. */
  readonly adminPort: number;
  /** 0 is any free one. */
  readonly xmppPort: number;
  /** Folder of the log. */
  readonly data: string;
  /** What tokens are signed with. */
  readonly jwtSecret: string;
  /** What `process.env` has. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Takes a line that the operator should see. */
  readonly say: (line: string) => void;
  /** The gateway was ready once and ended, though nobody stopped it. */
  readonly onLost: () => void;
}

/** Where a gateway that is ready listens: `http://127.0.0.1:8080`, `http://127.0.0.1:8081`, `xmpp://127.0.0.1:5222`. */
export interface GatewayAddresses {
  readonly public: string;
  readonly admin: string;
  readonly xmpp: string;
}

/** A line of the gateway's log, as far as it matters here. */
interface LogLine {
  readonly level?: unknown;
  readonly msg?: unknown;
  readonly public?: unknown;
  readonly admin?: unknown;
  readonly xmpp_port?: unknown;
}

const COMMAND = fileURLToPath(new URL("../../../gateway/src/main.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../sluice.yaml", import.meta.url));
const READY_WITHIN_MS = 20_000;
const STOP_WITHIN_MS = 10_000;
const WORTH_SHOWING: ReadonlySet<unknown> = new Set(["warn", "error", "fatal"]);

/** The gateway as it runs for everybody: `sluice serve` in a process of its own. */
export class GatewayProcess {
  readonly #options: GatewayProcessOptions;
  #child: ChildProcess | undefined;
  #addresses: GatewayAddresses | undefined;
  #isStopping = false;

  constructor(options: GatewayProcessOptions) {
    this.#options = options;
  }

  /** Process id; `undefined` while it is not running. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Starts the process and waits until the gateway is ready. Started again, it has the same addresses.
   * @throws {Error} if it ends or is not ready in time; it has said why on stderr by then
   */
  async start(): Promise<GatewayAddresses> {
    const child = this.#spawn();
    this.#child = child;
    const { promise, resolve, reject } = Promise.withResolvers<GatewayAddresses>();
    createInterface({ input: child.stdout }).on("line", (line) => this.#read(line, resolve));
    child.once("exit", () => {
      this.#child = undefined;
      reject(new Error("the gateway has ended before it was ready"));
    });
    const timer = setTimeout(() => {
      reject(new Error(`the gateway was not ready within ${READY_WITHIN_MS / 1000} seconds`));
      child.kill("SIGKILL");
    }, READY_WITHIN_MS);
    try {
      this.#addresses = await promise;
    } finally {
      clearTimeout(timer);
    }
    if (this.#child === undefined) this.#lose();
    else child.once("exit", () => this.#lose());
    return this.#addresses;
  }

  /** Ends it for good. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.end();
  }

  /** Lets it drain, and ends it if that takes too long. */
  async end(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_WITHIN_MS);
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    await exit;
    clearTimeout(timer);
  }

  /** Ends it at once. */
  kill(): void {
    this.#child?.kill("SIGKILL");
  }

  #spawn(): ChildProcess & { readonly stdout: NonNullable<ChildProcess["stdout"]> } {
    const { app, publicPort, adminPort, xmppPort, data, jwtSecret, environment } = this.#options;
    return spawn(process.execPath, [COMMAND, "serve", "--config", CONFIG], {
      stdio: ["ignore", "pipe", "inherit"],
      env: {
        ...environment,
        SLUICE_PUBLIC_LISTEN: hostOf(this.#addresses?.public, publicPort),
        SLUICE_ADMIN_LISTEN: hostOf(this.#addresses?.admin, adminPort),
        SLUICE_TRANSPORTS_XMPP_TCP_LISTEN: hostOf(this.#addresses?.xmpp, xmppPort),
        SLUICE_ACCESS_JWT_SECRET: jwtSecret,
        SLUICE_APP: app,
        SLUICE_LOG_PATH: data,
        SLUICE_LOGGING_LEVEL: "info",
        SLUICE_LOGGING_FORMAT: "json",
      },
    });
  }

  /** The gateway's log is JSON lines here. It tells where it listens, and warnings are worth showing. */
  #read(text: string, onReady: (addresses: GatewayAddresses) => void): void {
    const line = parse(text);
    if (line.msg === "ready") {
      const xmpp = `xmpp://127.0.0.1:${String(line.xmpp_port)}`;
      onReady({ public: String(line.public), admin: String(line.admin), xmpp });
    } else if (WORTH_SHOWING.has(line.level)) this.#options.say(`gateway: ${String(line.msg)}`);
  }

  #lose(): void {
    if (!this.#isStopping) this.#options.onLost();
  }
}

function hostOf(url: string | undefined, port: number): string {
  return url === undefined ? `127.0.0.1:${port}` : new URL(url).host;
}

function parse(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { level: "warn", msg: text };
  }
}
