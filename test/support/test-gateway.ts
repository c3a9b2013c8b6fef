import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock, type Clock } from "@sluice/core";
import { request } from "undici";
import type { Config } from "../../apps/gateway/src/config/config.ts";
import { loadConfig } from "../../apps/gateway/src/config/load-config.ts";
import { startGateway, type Gateway } from "../../apps/gateway/src/gateway.ts";
import { mergeSettings, type Settings } from "./settings.ts";
import { answerOf, Publisher, type Answer } from "./publisher.ts";
import { until } from "./until.ts";

/** A gateway in this process, on loopback and free ports. */
export class TestGateway {
  readonly gateway: Gateway;
  readonly publisher: Publisher;
  readonly #settings: Settings;
  readonly #directory: string;
  #ownsDirectory: boolean;
  #isStopped = false;

  private constructor(gateway: Gateway, settings: Settings, directory: string, ownsDirectory: boolean) {
    this.gateway = gateway;
    this.publisher = new Publisher(this.adminUrl);
    this.#settings = settings;
    this.#directory = directory;
    this.#ownsDirectory = ownsDirectory;
  }

  /** Starts one: everything public, nothing logged, a memory log, no hooks, unless `settings` say otherwise. */
  static async start(settings: Settings = {}, clock: Clock = systemClock): Promise<TestGateway> {
    return TestGateway.#launch(settings, await newDirectory(), true, clock);
  }

  static async #launch(
    settings: Settings,
    home: string,
    ownsDirectory: boolean,
    clock: Clock = systemClock,
  ): Promise<TestGateway> {
    const config = await configOf(settings, home);
    return new TestGateway(await startGateway({ config, clock }), settings, home, ownsDirectory);
  }

  /** Starts one with an SQLite log in a folder of its own. */
  static async startWithSqlite(settings: Settings = {}): Promise<TestGateway> {
    const home = await newDirectory();
    const own = { log: { kind: "sqlite", path: join(home, "data") } };
    return TestGateway.#launch(mergeSettings(own, settings), home, true);
  }

  /** Base of the public listener, without a slash at its end. */
  get url(): string {
    return this.gateway.publicUrl;
  }

  /** Base of the admin listener, without a slash at its end. */
  get adminUrl(): string {
    return this.gateway.adminUrl;
  }

  /** Where the gateway's files are. */
  get directory(): string {
    return this.#directory;
  }

  /** One request on its own connection, read to the end. */
  async get(path: string, headers: Readonly<Record<string, string>> = {}, method = "GET"): Promise<Answer> {
    return answerOf(
      await request(`${this.url}${path}`, { method: method as "GET", headers: { ...headers, connection: "close" } }),
    );
  }

  /** How many readers of the transport the gateway says it has. */
  async connections(transport: string): Promise<number> {
    return connectionsOf(this.adminUrl, transport);
  }

  /** Waits until the gateway says that it has `count` readers of the transport. */
  async untilConnections(transport: string, count: number): Promise<void> {
    await until(`${count} readers by ${transport}`, async () => (await this.connections(transport)) === count);
  }

  /** Lays the settings on the present ones and has the gateway take what may change while it runs. */
  async reload(settings: Settings): Promise<void> {
    await this.gateway.reload(await configOf(mergeSettings(this.#settings, settings), this.#directory));
  }

  /** Ends the gateway and keeps its files, for one that is started after it. Idempotent. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    await this.publisher.close();
    await this.gateway.close();
  }

  /** Ends the gateway, if that has not been done, and starts it anew: same ports, same files. */
  async restart(): Promise<TestGateway> {
    await this.stop();
    const ports = {
      public: { listen: new URL(this.url).host },
      admin: { listen: new URL(this.adminUrl).host },
    };
    const ownsDirectory = this.#ownsDirectory;
    this.#ownsDirectory = false;
    return TestGateway.#launch(mergeSettings(this.#settings, ports), this.#directory, ownsDirectory);
  }

  /** Ends the gateway and removes its files. */
  async close(): Promise<void> {
    await this.stop();
    if (this.#ownsDirectory) await rm(this.#directory, { recursive: true, force: true });
  }
}

/** The settings laid on the base ones, read as the gateway reads its file. */
async function configOf(settings: Settings, directory: string): Promise<Config> {
  const path = join(directory, "sluice.json");
  await writeFile(path, JSON.stringify(mergeSettings(baseSettings, settings)));
  const loaded = await loadConfig({ path, env: {}, mode: "serve" });
  if ("faults" in loaded) throw new Error(`The test's configuration is wrong: ${JSON.stringify(loaded.faults)}`);
  return loaded.config;
}

/** A folder for one test's files. */
export function newDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), "sluice-test-"));
}

/** What the metrics say of a transport's readers. */
export async function connectionsOf(adminUrl: string, transport: string): Promise<number> {
  const { body } = await request(`${adminUrl}/metrics`);
  const pattern = new RegExp(`^sluice_connections\\{[^}]*transport="${transport}"[^}]*\\} (\\d+)`, "m");
  return Number(pattern.exec(await body.text())?.[1] ?? 0);
}

const baseSettings: Settings = {
  public: { listen: "127.0.0.1:0" },
  admin: { listen: "127.0.0.1:0" },
  access: { public: ["**"] },
  log: { kind: "memory" },
  // Its two threads are most of what a start takes.
  transports: { "rest-hooks": false },
  logging: { level: "silent" },
};
