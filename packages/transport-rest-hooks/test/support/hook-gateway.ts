import { createAccess, mintToken } from "@sluice/access";
import {
  Bus,
  CLOSE_REASONS,
  MemoryLog,
  parseFilter,
  silentMeter,
  systemClock,
  toDraft,
  type Clock,
  type EventLog,
  type Logger,
} from "@sluice/core";
import { createHttpServer } from "@sluice/http";
import type { FastifyInstance } from "fastify";
import { Pool } from "undici";
import { restHooks, type RestHooks, type RestHooksOptions } from "../../src/index.ts";

const SECRET = "a-secret-of-the-tests-that-is-long-enough";

/** What a test may set. */
export interface HookGatewayOptions extends Partial<RestHooksOptions> {
  readonly clock?: Clock;
  readonly log?: EventLog;
  /** Addresses whose `X-Forwarded-For` is believed. */
  readonly trustProxy?: readonly string[];
  /** Filters that anybody may read. */
  readonly public?: readonly string[];
}

/** An answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Record<string, unknown>;
  readonly text: string;
}

/** Log, bus, hooks and their front door on loopback. */
export class HookGateway {
  readonly bus: Bus;
  readonly log: EventLog;
  readonly transport: RestHooks;
  readonly clock: Clock;
  /** What was logged, as JSON. */
  readonly logged: string[] = [];
  readonly #server: FastifyInstance;
  #url = "";

  private constructor(options: HookGatewayOptions) {
    this.clock = options.clock ?? systemClock;
    const retention = { ageMs: 86_400_000, events: 1_000_000, bytes: 2 ** 30 };
    this.log = options.log ?? new MemoryLog({ retention, deduplicationMs: 600_000, clock: this.clock });
    this.bus = new Bus({ log: this.log, clock: this.clock });
    this.#server = createHttpServer({
      headerBytes: 16_384,
      headTimeoutMs: 10_000,
      trustProxy: [...(options.trustProxy ?? [])],
      logger: this.#logger,
    });
    this.transport = restHooks({
      scheduleMs: [0, 5000, 300_000, 1_800_000, 7_200_000],
      timeoutMs: 15_000,
      canUseHttp: true,
      allow: [
        { cidr: "127.0.0.0/8", ports: null },
        { cidr: "::1", ports: null },
      ],
      trusted: ["zapier"],
      concurrency: 2000,
      perOrigin: 100,
      hasReverseUnsubscribe: true,
      path: null,
      source: "https://example.org/app",
      prefix: "/realtime",
      ownPorts: () => [Number(new URL(this.url || "http://x:1").port)],
      publicUrl: () => this.url,
      ...options,
    });
  }

  static async start(options: HookGatewayOptions = {}): Promise<HookGateway> {
    const gateway = new HookGateway(options);
    const { clock, bus } = gateway;
    await gateway.transport.start({ bus, clock, meter: silentMeter, logger: gateway.#logger });
    // Tokens live by the real clock.
    const access = createAccess({ public: (options.public ?? []).map(parseFilter), jwt: { secret: SECRET } });
    const cors = (): { origins: string[]; hasCredentials: boolean } => ({ origins: [], hasCredentials: false });
    await gateway.#server.register(gateway.transport.publicDoor({ access, cors }));
    gateway.#url = await gateway.#server.listen({ host: "127.0.0.1", port: 0 });
    return gateway;
  }

  get url(): string {
    return this.#url;
  }

  get #logger(): Logger {
    const note = (fields: unknown, text: string): void => {
      this.logged.push(JSON.stringify({ ...(fields as object), text }));
    };
    return { debug: note, info: note, warn: note, error: note };
  }

  /** Publishes one event and gives its cursor. */
  async publish(
    topic: string,
    data: unknown,
    more: { type?: string; id?: string; dataText?: string; traceParent?: string } = {},
  ): Promise<string> {
    const dataText = more.dataText ?? JSON.stringify(data);
    const draft = toDraft({ topic, ...more, dataText }, { eventBytes: 262_144, clock: this.clock });
    const [appended] = await this.bus.publish([draft]);
    return this.bus.cursorAt(appended?.position ?? 0);
  }

  /** Asks the front door, as `zapier` (trusted) unless said otherwise. */
  async ask(
    method: string,
    path: string,
    body?: unknown,
    owner: string | null = "zapier",
    grants: readonly string[] = ["**"],
  ): Promise<Answer> {
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (owner !== null) {
      const token = await mintToken({ secret: SECRET, subject: owner, hooks: [...grants], expiresInMs: 600_000 });
      headers["authorization"] = `Bearer ${token}`;
    }
    const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(`${this.url}/realtime${path}`, {
      method,
      headers,
      ...(text === undefined ? {} : { body: text }),
    });
    const answer = await response.text();
    const json = answer === "" ? {} : (JSON.parse(answer) as Record<string, unknown>);
    return { status: response.status, headers: response.headers, json, text: answer };
  }

  /** Registers a hook and gives its resource. */
  async hook(
    target: string,
    more: Readonly<Record<string, unknown>> = {},
  ): Promise<{ id: string; secret: string; [key: string]: unknown }> {
    const answer = await this.ask("POST", "/hooks", { target_url: target, topic: "**", ...more });
    if (answer.status !== 201) throw new Error(`registering: ${answer.status} ${answer.text}`);
    return answer.json as { id: string; secret: string };
  }

  /** Registers one hook for each target, many at a time. */
  async hooks(targets: readonly string[], more: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const pool = new Pool(this.url, { connections: 32 });
    const token = await mintToken({ secret: SECRET, subject: "zapier", hooks: ["**"], expiresInMs: 600_000 });
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
    await Promise.all(
      targets.map(async (target) => {
        const body = JSON.stringify({ target_url: target, topic: "**", ...more });
        const response = await pool.request({ method: "POST", path: "/realtime/hooks", headers, body });
        const text = await response.body.text();
        if (response.statusCode !== 201) throw new Error(`registering: ${response.statusCode} ${text}`);
      }),
    );
    await pool.close();
  }

  async state(id: string): Promise<Record<string, unknown>> {
    return (await this.ask("GET", `/hooks/${id}`)).json;
  }

  /** Stops the deliveries, and leaves log and file. */
  async stop(): Promise<void> {
    await this.transport.drain(CLOSE_REASONS.draining, 0, AbortSignal.abort());
    this.#server.server.closeAllConnections();
    await this.#server.close();
    this.bus.close();
  }

  async close(): Promise<void> {
    await this.stop();
    await this.log.close();
  }
}
