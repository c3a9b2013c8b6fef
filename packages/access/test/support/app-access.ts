import type { CloseReason, Credentials, Filter, Logger } from "@sluice/core";
import { ManualClock } from "@sluice/core/testing";
import {
  type AccessRules,
  type AppSource,
  appSource,
  type AppSourceOptions,
  createAccess,
  type GatewayAccess,
} from "../../src/index.ts";
import { filters } from "./access.ts";
import { AppServer } from "./app-server.ts";
import { SECRET } from "./tokens.ts";

/** Topics `orders/ID` stand for `/orders/ID`. */
export function pathOfOrder(topic: string): string | null {
  const [, id] = /^orders\/([^/]+)$/.exec(topic) ?? [];
  return id === undefined ? null : `/orders/${encodeURIComponent(id)}`;
}

/** A gateway's access that asks a real app, by a clock that the test moves. */
export class AppAccess {
  readonly app: AppServer;
  readonly clock: ManualClock;
  readonly source: AppSource;
  readonly access: GatewayAccess;
  /** Everything that was logged, as JSON. */
  readonly logged: string[] = [];
  options: AppSourceOptions;
  rules: AccessRules;

  private constructor(app: AppServer, options: Partial<AppSourceOptions>, rules: Partial<AccessRules>) {
    const log = (level: string) => (fields: object, text: string) =>
      void this.logged.push(JSON.stringify({ level, ...fields, text }));
    const logger: Logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
    this.app = app;
    this.clock = new ManualClock();
    this.options = {
      url: app.url,
      host: "app",
      method: "GET",
      // Far beyond what a test waits for the recheck.
      timeoutMs: 1_000_000,
      ttlMs: 10_000,
      recheckMs: 60_000,
      whenAppIsDown: "keep",
      pathOf: pathOfOrder,
      ...options,
    };
    this.source = appSource({ ...this.options, clock: this.clock, logger });
    this.rules = { public: filters("menu"), jwt: { secret: SECRET }, sources: [this.source], ...rules };
    this.access = createAccess({ ...this.rules, clock: this.clock, logger });
  }

  static async start(options: Partial<AppSourceOptions> = {}, rules: Partial<AccessRules> = {}): Promise<AppAccess> {
    return new AppAccess(await AppServer.start(), options, rules);
  }

  async stop(): Promise<void> {
    this.access.close();
    this.source.close();
    await this.app.stop();
  }

  /** Lets a reader in, as a transport does. */
  async connect(credentials: Credentials, ...topics: string[]): Promise<AppReader> {
    const reader = new AppReader(filters(...topics));
    const principal = await this.access.identify(credentials);
    await this.access.check(principal, "read", reader.reads);
    const guard = this.access.guard(
      principal,
      () => reader.reads,
      ({ code }) => reader.ended.push(code),
    );
    reader.leave = () => guard.release();
    return reader;
  }
}

/** A reader that is connected. */
export class AppReader {
  readonly ended: CloseReason["code"][] = [];
  reads: readonly Filter[];
  leave: () => void = () => {};

  constructor(reads: readonly Filter[]) {
    this.reads = reads;
  }
}

export function cookie(name: string): Credentials {
  return { cookie: `session=${name}` };
}
