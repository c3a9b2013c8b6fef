import type { AddressInfo } from "node:net";
import {
  Bus,
  isGranted,
  MemoryLog,
  NO_GRANTS,
  parseFilter,
  silentMeter,
  SluiceError,
  systemClock,
  toDraft,
  type Access,
  type Action,
  type Appended,
  type Clock,
  type CloseReason,
  type Credentials,
  type Filter,
  type Guard,
  type Logger,
  type Meter,
  type Principal,
  type Retention,
} from "@sluice/core";
import { createHttpServer, publicApi, Seats, type HttpLimits, type HttpTransport } from "@sluice/http";
import type { FastifyInstance } from "fastify";
import { websocket } from "../src/index.ts";

const LIMITS: HttpLimits = {
  connections: 100_000,
  connectionsPerIp: 100_000,
  subscriptions: 100,
  eventBytes: 262_144,
  publishBodyBytes: 10_485_760,
  batchBytes: 65_536,
  messageBytes: 65_536,
  messagesPerSecond: 50,
};

const RETENTION: Retention = { ageMs: 86_400_000, events: 1_000_000, bytes: 2 ** 30 };

/** Grants by token, and what a test needs to see and to do of guards. */
export class TestAccess implements Access {
  readonly tokens: Map<string, Principal> = new Map();
  readonly guards: Set<TestGuard> = new Set();
  /** A check waits for this. */
  gate: Promise<void> = Promise.resolve();

  /** A principal for a token. */
  add(
    token: string,
    read: readonly string[],
    publish: readonly string[] = [],
    expiresAtMs: number | null = null,
  ): void {
    const grants = { ...NO_GRANTS, read: read.map(parseFilter), publish: publish.map(parseFilter) };
    const authorization = `Bearer ${token}`;
    this.tokens.set(authorization, {
      subject: token,
      grants,
      expiresAtMs,
      hasCredentials: true,
      isByCookie: false,
      credentials: { authorization },
    });
  }

  async identify({ authorization }: Credentials): Promise<Principal> {
    if (authorization === undefined) return EVERYBODY;
    const principal = this.tokens.get(authorization);
    if (principal === undefined) throw new SluiceError("unauthorized", "The token is not valid.");
    return Promise.resolve(principal);
  }

  async check(principal: Principal, action: Action, filters: readonly Filter[]): Promise<void> {
    await this.gate;
    for (const filter of filters) {
      if (isGranted(principal.grants[action], filter)) continue;
      throw new SluiceError(
        principal.hasCredentials ? "forbidden" : "unauthorized",
        `No grant to ${action} ${filter.text}.`,
      );
    }
  }

  guard(principal: Principal, filters: () => readonly Filter[], onEnd: (reason: CloseReason) => void): Guard {
    const guard = new TestGuard(this, principal, filters, onEnd);
    this.guards.add(guard);
    return guard;
  }
}

export class TestGuard implements Guard {
  readonly #access: TestAccess;
  readonly filters: () => readonly Filter[];
  readonly end: (reason: CloseReason) => void;
  principal: Principal;

  constructor(
    access: TestAccess,
    principal: Principal,
    filters: () => readonly Filter[],
    end: (reason: CloseReason) => void,
  ) {
    this.#access = access;
    this.principal = principal;
    this.filters = filters;
    this.end = end;
  }

  replace(principal: Principal): void {
    this.principal = principal;
  }

  release(): void {
    this.#access.guards.delete(this);
  }
}

const EVERYBODY: Principal = {
  subject: null,
  grants: { ...NO_GRANTS, read: [parseFilter("public/**")] },
  expiresAtMs: null,
  hasCredentials: false,
  isByCookie: false,
  credentials: {},
};

/** What a test server may be told. */
export interface TestServerOptions {
  readonly limits?: Partial<HttpLimits>;
  readonly heartbeatMs?: number;
  readonly clock?: Clock;
  readonly retention?: Partial<Retention>;
  readonly batchBytes?: number;
}

/** The public listener with this one transport, and a memory log, on loopback and a free port. */
export class TestServer {
  readonly access: TestAccess = new TestAccess();
  readonly log: MemoryLog;
  readonly bus: Bus;
  readonly transport: HttpTransport;
  /** Counted by the meter. */
  readonly counts: { connections: number; delivered: number; gaps: number } = { connections: 0, delivered: 0, gaps: 0 };
  readonly seats: Seats = new Seats(() => this.limits);
  readonly refused: string[] = [];
  limits: HttpLimits;
  readonly #fastify: FastifyInstance;
  readonly #clock: Clock;

  private constructor(options: TestServerOptions) {
    this.#clock = options.clock ?? systemClock;
    this.limits = { ...LIMITS, ...options.limits };
    this.log = new MemoryLog({
      retention: { ...RETENTION, ...options.retention },
      deduplicationMs: 600_000,
      clock: this.#clock,
    });
    this.bus = new Bus({
      log: this.log,
      clock: this.#clock,
      meter: this.meter,
      ...(options.batchBytes === undefined ? {} : { batchBytes: options.batchBytes }),
    });
    this.#fastify = createHttpServer({
      headerBytes: 16_384,
      headTimeoutMs: 10_000,
      trustProxy: [],
      logger: silentLogger,
      meter: this.meter,
    });
    this.transport = websocket({ heartbeatMs: options.heartbeatMs ?? 25_000, limits: () => this.limits });
  }

  static async start(options: TestServerOptions = {}): Promise<TestServer> {
    const server = new TestServer(options);
    await server.#listen();
    return server;
  }

  get meter(): Meter {
    return {
      ...silentMeter,
      connections: (_transport, change) => (this.counts.connections += change),
      delivered: (_transport, readers, events) => (this.counts.delivered += readers * events),
      gapTold: () => (this.counts.gaps += 1),
      refused: (_transport, code) => this.refused.push(code),
    };
  }

  get port(): number {
    return (this.#fastify.server.address() as AddressInfo).port;
  }

  url(query = ""): string {
    return `ws://127.0.0.1:${this.port}/realtime/events${query === "" ? "" : `?${query}`}`;
  }

  /** Publishes one event. */
  async publish(topic: string, data: unknown = 1, type?: string): Promise<Appended> {
    const input = { topic, dataText: JSON.stringify(data), ...(type === undefined ? {} : { type }) };
    const [appended] = await this.bus.publish([toDraft(input, { eventBytes: 2 ** 24 })]);
    return appended as Appended;
  }

  close(): Promise<void> {
    return this.#fastify.close();
  }

  async #listen(): Promise<void> {
    const context = { bus: this.bus, clock: this.#clock, meter: this.meter, logger: silentLogger };
    await this.transport.start(context);
    await this.#fastify.register(
      publicApi({
        ...context,
        prefix: "/realtime",
        transports: [this.transport],
        access: this.access,
        limits: () => this.limits,
        cors: () => ({ origins: [], hasCredentials: false }),
        seats: this.seats,
      }),
    );
    await this.#fastify.listen({ port: 0, host: "127.0.0.1" });
  }
}

const silentLogger: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
