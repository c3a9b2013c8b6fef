import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { NEEDS } from "../../../../test/support/needs.ts";
import { RawStream } from "../support/raw-stream.ts";
import { until } from "../support/until.ts";

const CERTIFICATE = fileURLToPath(new URL("../support/test-cert.pem", import.meta.url));
const KEY = fileURLToPath(new URL("../support/test-key.pem", import.meta.url));

/** A Prosody of our own, on loopback and free ports, in which everybody may log in as nobody. */
export class Prosody {
  readonly tcpPort: number;
  readonly #httpPort: number;
  readonly #process: ChildProcess;
  readonly #directory: string;

  private constructor(process: ChildProcess, directory: string, [tcpPort, httpPort]: readonly [number, number]) {
    this.#process = process;
    this.#directory = directory;
    this.tcpPort = tcpPort;
    this.#httpPort = httpPort;
  }

  /** @param hasTls whether STARTTLS is required */
  static async start(hasTls: boolean): Promise<Prosody> {
    const directory = await mkdtemp(join(tmpdir(), "sluice-prosody-"));
    const ports = [await freePort(), await freePort()] as const;
    const config = join(directory, "prosody.cfg.lua");
    await writeFile(config, configOf(directory, ports, hasTls));
    const child = spawn(NEEDS.prosody.find() as string, ["--config", config, "-F"], { stdio: "ignore" });
    // A test run that is broken off must not leave it behind.
    process.once("exit", () => child.kill("SIGKILL"));
    const prosody = new Prosody(child, directory, ports);
    await prosody.#ready();
    return prosody;
  }

  get websocketUrl(): string {
    return `ws://127.0.0.1:${this.#httpPort}/xmpp-websocket`;
  }

  get boshUrl(): string {
    return `http://127.0.0.1:${this.#httpPort}/http-bind`;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.kill("SIGKILL")) await once(this.#process, "exit");
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Its ports open one after the other. */
  async #ready(): Promise<void> {
    for (const port of [this.tcpPort, this.#httpPort]) {
      await until(`Prosody's port ${port}`, () => {
        if (this.#process.exitCode !== null) throw new Error("Prosody did not start.");
        return isOpen(port);
      });
    }
  }
}

async function isOpen(port: number): Promise<boolean> {
  try {
    (await RawStream.open(port)).destroy();
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function configOf(directory: string, [tcpPort, httpPort]: readonly [number, number], hasTls: boolean): string {
  return `
    run_as_root = true
    pidfile = "${join(directory, "prosody.pid")}"
    data_path = "${directory}"
    log = { { levels = { min = "error" }, to = "console" } }
    interfaces = { "127.0.0.1" }
    c2s_ports = { ${tcpPort} }
    http_ports = { ${httpPort} }
    http_interfaces = { "127.0.0.1" }
    c2s_direct_tls_ports = {} legacy_ssl_ports = {} s2s_ports = {} s2s_direct_tls_ports = {} https_ports = {} component_ports = {}
    modules_enabled = { "saslauth", "tls", "bosh", "websocket", "smacks", "disco", "ping" }
    modules_disabled = { "s2s", "posix", "offline" }
    limits = { c2s = { rate = "100mb/s" } }
    c2s_close_timeout = 0.1
    c2s_require_encryption = ${hasTls}
    consider_bosh_secure = true
    consider_websocket_secure = true
    ${hasTls ? `ssl = { certificate = "${CERTIFICATE}", key = "${KEY}" }` : ""}
    storage = "memory"
    VirtualHost "localhost"
    authentication = "anonymous"
  `;
}
