import { readFileSync } from "node:fs";
import { createAccess, mintToken, type GatewayAccess } from "@sluice/access";
import {
  Bus,
  CLOSE_REASONS,
  MemoryLog,
  parseFilter,
  silentMeter,
  systemClock,
  toDraft,
  type Clock,
  type Logger,
  type Meter,
  type Retention,
} from "@sluice/core";
import { createHttpServer, registerCors, Seats, type CorsRules } from "@sluice/http";
import type { FastifyInstance } from "fastify";
import type { AddressInfo } from "node:net";
import { xmpp, type XmppAccount, type XmppTransport } from "../../src/index.ts";

const SECRET = "a secret that is long enough for tests";
const RETENTION: Retention = { ageMs: 86_400_000, events: 1_000_000, bytes: 2 ** 30 };

/** The certificate that the tests trust; its key is for them alone. */
export const CERTIFICATE: string = readFileSync(new URL("test-cert.pem", import.meta.url), "utf8");
const KEY = readFileSync(new URL("test-key.pem", import.meta.url), "utf8");

/** What a test server may be told. */
export interface XmppServerOptions {
  readonly hasTls?: boolean;
  readonly publicFilters?: readonly string[];
  readonly accounts?: readonly XmppAccount[];
  readonly path?: string;
  readonly log?: MemoryLog;
  readonly idleMs?: number;
  readonly hibernateMs?: number;
  readonly messagesPerSecond?: number;
  /** Of the transport and of access; its log goes by the machine's. */
  readonly clock?: Clock;
  readonly cors?: CorsRules;
}

/** A memory log for one or, one after the other, several servers. */
export function createLog(retention: Partial<Retention> = {}): MemoryLog {
  return new MemoryLog({ retention: { ...RETENTION, ...retention }, deduplicationMs: 600_000, clock: systemClock });
}

/** The transport by TCP and WebSocket with real access and a memory log, on loopback and free ports. */
export class XmppServer {
  readonly bus: Bus;
  readonly access: GatewayAccess;
  readonly transport: XmppTransport;
  readonly errors: unknown[] = [];
  readonly refused: string[] = [];
  readonly counts: { connections: number; leftBehind: number; gaps: number } = {
    connections: 0,
    leftBehind: 0,
    gaps: 0,
  };
  readonly #fastify: FastifyInstance;
  readonly #clock: Clock;

  private constructor(options: XmppServerOptions) {
    const publicFilters = options.publicFilters ?? ["public/**"];
    this.#clock = options.clock ?? systemClock;
    this.bus = new Bus({ log: options.log ?? createLog(), meter: this.meter });
    this.access = createAccess({
      public: publicFilters.map(parseFilter),
      jwt: { secret: SECRET },
      clock: this.#clock,
    });
    this.#fastify = createHttpServer({
      headerBytes: 16_384,
      headTimeoutMs: 10_000,
      trustProxy: ["127.0.0.1"],
      logger: this.logger,
      meter: this.meter,
    });
    const listen = { host: "127.0.0.1", port: 0 };
    this.transport = xmpp({
      domain: "localhost",
      tcp:
        options.hasTls === true
          ? { listen, tls: { cert: CERTIFICATE, key: KEY }, directTls: listen }
          : { listen, tls: null, directTls: null },
      websocketPath: "/realtime/xmpp",
      boshPaths: ["/realtime/http-bind", "/http-bind"],
      accounts: options.accounts ?? [],
      access: this.access,
      publicFilters: () => publicFilters,
      limits: () => ({ subscriptions: 100, eventBytes: 2 ** 20, messagesPerSecond: options.messagesPerSecond ?? 50 }),
      seats: new Seats(() => ({ connections: 100_000, connectionsPerIp: 100_000 })),
      path: options.path ?? null,
      linkTo: ({ cursor }) => `http://localhost/${cursor}`,
      ...(options.idleMs === undefined ? {} : { idleMs: options.idleMs }),
      ...(options.hibernateMs === undefined ? {} : { hibernateMs: options.hibernateMs }),
    });
  }

  static async start(options: XmppServerOptions = {}): Promise<XmppServer> {
    const server = new XmppServer(options);
    await server.transport.start({
      bus: server.bus,
      clock: server.#clock,
      meter: server.meter,
      logger: server.logger,
    });
    const cors = options.cors ?? { origins: [], hasCredentials: false };
    await server.#fastify.register(async (scope) => {
      registerCors(scope, () => cors);
      await server.transport.register(scope);
    });
    await server.#fastify.listen({ port: 0, host: "127.0.0.1" });
    return server;
  }

  get meter(): Meter {
    return {
      ...silentMeter,
      connections: (_transport, change) => (this.counts.connections += change),
      leftBehind: () => (this.counts.leftBehind += 1),
      gapTold: () => (this.counts.gaps += 1),
      refused: (_transport, code) => this.refused.push(code),
    };
  }

  get logger(): Logger {
    const ignore = (): void => undefined;
    return { debug: ignore, info: ignore, warn: ignore, error: (fields) => this.errors.push(fields["err"]) };
  }

  get tcpPort(): number {
    return this.transport.ports[0] as number;
  }

  get directPort(): number {
    return this.transport.ports[1] as number;
  }

  get websocketUrl(): string {
    return `ws://127.0.0.1:${(this.#fastify.server.address() as AddressInfo).port}/realtime/xmpp`;
  }

  get boshUrl(): string {
    return this.websocketUrl.replace("ws", "http").replace("/realtime/xmpp", "/http-bind");
  }

  /** Publishes events with these data, in order. */
  async publish(topic: string, ...data: readonly unknown[]): Promise<void> {
    const drafts = data.map((one) => toDraft({ topic, dataText: JSON.stringify(one) }, { eventBytes: 2 ** 24 }));
    await this.bus.publish(drafts);
  }

  token(
    subject: string,
    read: readonly string[] = [],
    publish: readonly string[] = [],
    lifeMs?: number,
  ): Promise<string> {
    return mintToken({ secret: SECRET, subject, read, publish, expiresInMs: lifeMs, clock: this.#clock });
  }

  /** As a gateway stops. */
  async stop(): Promise<void> {
    await this.transport.drain(CLOSE_REASONS.draining, 0, AbortSignal.timeout(5000));
    await this.#fastify.close();
    this.bus.close();
    this.access.close();
  }
}
