import type { AddressInfo } from "node:net";
import {
  Bus,
  interestIn,
  MemoryLog,
  NO_GRANTS,
  parseFilter,
  parsePublication,
  systemClock,
  type Access,
  type EventLog,
  type StoredEvent,
} from "@sluice/core";
import { createHttpServer, publicApi, Seats, type HttpLimits } from "@sluice/http";
import { longPolling } from "@sluice/transport-long-polling";
import { polling } from "@sluice/transport-polling";
import { sse } from "@sluice/transport-sse";
import { websocket } from "@sluice/transport-websocket";
import type { FastifyInstance } from "fastify";
import { createAppProxy, ResourceTable, type AppOptions, type AppProxy, type ResourceRule } from "../../src/index.ts";

/**
 * The app's time where a test waits until it is over, and the app answers something else in time: that it does at once, but
 * on a busy machine at once is not a few milliseconds.
 */
export const ENOUGH_MS = 500;

const LIMITS: HttpLimits = {
  connections: 20_000,
  connectionsPerIp: 20_000,
  subscriptions: 100,
  eventBytes: 256 * 1024,
  publishBodyBytes: 10 * 1024 * 1024,
  batchBytes: 64 * 1024,
  messageBytes: 64 * 1024,
  messagesPerSecond: 50,
};

/** Everybody may do everything. */
export const openAccess: Access = {
  identify: async (credentials) => ({
    subject: null,
    grants: NO_GRANTS,
    expiresAtMs: null,
    hasCredentials: credentials.authorization !== undefined,
    isByCookie: false,
    credentials,
  }),
  check: async () => undefined,
  guard: () => ({ replace: () => undefined, release: () => undefined }),
};

export interface FrontOptions {
  readonly url: string;
  readonly app?: Partial<AppOptions>;
  readonly rules?: readonly (Partial<ResourceRule> & { readonly path: string })[];
  readonly trustProxy?: readonly string[];
  readonly eventBytes?: number;
  readonly connectionsPerIp?: number;
  readonly access?: Access;
  readonly log?: EventLog;
  readonly headerBytes?: number;
}

/** A rule as the configuration completes it. */
export function rule(partial: Partial<ResourceRule> & { readonly path: string }): ResourceRule {
  return {
    topic: partial.path.replace(/^\//, "").replace(/\/$/, ""),
    changes: ["POST", "PUT", "PATCH", "DELETE"],
    hasPollCache: false,
    query: "ignore",
    ...partial,
  };
}

export function memoryLog(): MemoryLog {
  const retention = { ageMs: 3_600_000, events: 100_000, bytes: 100_000_000 };
  return new MemoryLog({ retention, deduplicationMs: 600_000 });
}

/** A gateway in front of an app, in this process and on a real port. */
export class Front {
  readonly bus: Bus;
  readonly proxy: AppProxy;
  readonly fastify: FastifyInstance;
  readonly refused: string[] = [];
  readonly warnings: unknown[] = [];
  table: ResourceTable;
  port = 0;

  private constructor(options: FrontOptions) {
    const clock = systemClock;
    this.table = new ResourceTable((options.rules ?? []).map(rule));
    const meter = {
      delivered: () => undefined,
      leftBehind: () => undefined,
      gapTold: () => undefined,
      connections: () => undefined,
      refused: (transport: string, code: string) => void this.refused.push(`${transport}:${code}`),
    };
    const warn = (fields: unknown): void => void this.warnings.push(fields);
    const logger = { debug: () => undefined, info: () => undefined, warn, error: warn };
    this.bus = new Bus({ log: options.log ?? memoryLog(), meter, logger });
    const bus = this.bus;
    const { eventBytes = LIMITS.eventBytes, connectionsPerIp = LIMITS.connectionsPerIp } = options;
    const limits = (): HttpLimits => ({ ...LIMITS, eventBytes, connectionsPerIp });
    const seats = new Seats(limits);
    this.proxy = createAppProxy({
      app: { url: options.url, timeoutMs: 30_000, host: "keep", ...options.app },
      prefix: "/realtime",
      trustProxy: options.trustProxy ?? [],
      rules: () => this.table,
      eventBytes: () => limits().eventBytes,
      seats,
      bus,
      meter,
      logger,
    });
    this.fastify = createHttpServer({
      headerBytes: options.headerBytes ?? 16 * 1024,
      headTimeoutMs: 10_000,
      trustProxy: options.trustProxy ?? [],
      logger,
      meter,
    });
    const transports = [
      websocket({ heartbeatMs: 25_000, limits: () => ({ ...limits(), subscriptions: 100 }) }),
      sse({ heartbeatMs: 15_000, retryMs: 2000 }),
      longPolling({ maxWaitMs: 60_000 }),
      polling({ intervalMs: 0 }),
    ];
    this.fastify.register(async (scope) => {
      for (const transport of transports) await transport.start({ bus, clock, meter, logger });
      await scope.register(
        publicApi({
          prefix: "/realtime",
          transports,
          access: options.access ?? openAccess,
          bus,
          clock,
          meter,
          logger,
          limits,
          cors: () => ({ origins: [], hasCredentials: false }),
          seats,
          resourceParameters: this.proxy.resourceParameters,
          takeSnapshot: this.proxy.takeSnapshot,
        }),
      );
    });
    this.fastify.register(this.proxy.plugin);
  }

  static async start(options: FrontOptions): Promise<Front> {
    const front = new Front(options);
    await front.fastify.listen({ port: 0, host: "127.0.0.1" });
    front.port = (front.fastify.server.address() as AddressInfo).port;
    return front;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** All events so far. */
  async events(): Promise<readonly StoredEvent[]> {
    return (await this.bus.read(interestIn([parseFilter("**")]), "earliest", 1000)).events;
  }

  /** Publishes as the app would by `POST /events`. */
  async publish(topic: string, data: unknown = null): Promise<void> {
    await this.bus.publish(parsePublication(JSON.stringify({ topic, data }), { eventBytes: 1_000_000 }));
  }

  async close(): Promise<void> {
    this.fastify.server.closeAllConnections();
    await this.fastify.close();
    this.bus.close();
  }
}
