import {
  Bus,
  interestIn,
  MemoryLog,
  NO_GRANTS,
  parseFilter,
  parsePublication,
  silentMeter,
  systemClock,
  type Access,
  type Clock,
  type Logger,
  type Meter,
  type Retention,
} from "@sluice/core";
import type { FastifyInstance } from "fastify";
import type { AddressInfo } from "node:net";
import {
  createHttpServer,
  publicApi,
  Seats,
  type CorsRules,
  type HttpLimits,
  type HttpTransport,
} from "../../src/index.ts";

export const PLENTY: HttpLimits = {
  connections: 20_000,
  connectionsPerIp: 20_000,
  subscriptions: 100,
  eventBytes: 256 * 1024,
  publishBodyBytes: 10 * 1024 * 1024,
  batchBytes: 64 * 1024,
  messageBytes: 64 * 1024,
  messagesPerSecond: 50,
};

const KEEP: Retention = { ageMs: 3_600_000, events: 100_000, bytes: 100_000_000 };

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

export interface GatewayOptions {
  readonly transports: readonly HttpTransport[];
  readonly access?: Access;
  readonly limits?: Partial<HttpLimits>;
  readonly cors?: CorsRules;
  readonly clock?: Clock;
  readonly retention?: Retention;
  readonly headerBytes?: number;
  readonly headTimeoutMs?: number;
  readonly trustProxy?: readonly string[];
}

/** A gateway in this process, on a real port, with the log in memory: what the tests of HTTP transports are run against. */
export interface Gateway {
  readonly origin: string;
  readonly port: number;
  readonly bus: Bus;
  readonly log: MemoryLog;
  readonly seats: Seats;
  readonly fastify: FastifyInstance;
  readonly refused: readonly string[];
  /** Connections by transport, as the meter counts them. */
  readonly connections: ReadonlyMap<string, number>;
  /** How often a reader was left behind. */
  readonly leftBehind: number;
  /** Gaps that were told, by transport and reason. */
  readonly gaps: readonly string[];
  /** Errors that were logged. */
  readonly errors: readonly unknown[];
  publish(topic: string, data?: unknown, more?: Readonly<Record<string, unknown>>): Promise<string>;
  setRetention(retention: Retention): void;
  setLimits(limits: Partial<HttpLimits>): void;
  setCors(cors: CorsRules): void;
  close(): Promise<void>;
}

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const clock = options.clock ?? systemClock;
  const refused: string[] = [];
  const errors: unknown[] = [];
  const gaps: string[] = [];
  let leftBehind = 0;
  const connections = new Map<string, number>();
  const meter: Meter = {
    ...silentMeter,
    leftBehind: () => {
      leftBehind += 1;
    },
    gapTold: (transport, reason) => void gaps.push(`${transport} ${reason}`),
    refused: (transport, code) => void refused.push(`${transport} ${code}`),
    connections: (transport, change) => void connections.set(transport, (connections.get(transport) ?? 0) + change),
  };
  const logger: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (fields) => void errors.push(fields),
  };
  let limits: HttpLimits = { ...PLENTY, ...options.limits };
  let cors: CorsRules = options.cors ?? { origins: [], hasCredentials: false };
  const log = new MemoryLog({ retention: options.retention ?? KEEP, deduplicationMs: 600_000, clock });
  const bus = new Bus({ log, clock, meter, logger });
  const seats = new Seats(() => limits);
  const fastify = createHttpServer({
    headerBytes: options.headerBytes ?? 16 * 1024,
    headTimeoutMs: options.headTimeoutMs ?? 10_000,
    trustProxy: options.trustProxy ?? [],
    logger,
    meter,
  });
  const context = { bus, clock, meter, logger };
  for (const transport of options.transports) await transport.start(context);
  await fastify.register(
    publicApi({
      ...context,
      prefix: "/realtime",
      transports: options.transports,
      access: options.access ?? openAccess,
      limits: () => limits,
      cors: () => cors,
      seats,
    }),
  );
  await fastify.listen({ host: "127.0.0.1", port: 0 });
  const { port } = fastify.server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    bus,
    log,
    seats,
    fastify,
    refused,
    connections,
    get leftBehind() {
      return leftBehind;
    },
    gaps,
    errors,
    publish: async (topic, data = null, more = {}) => {
      const text = JSON.stringify({ topic, data, ...more });
      const [appended] = await bus.publish(parsePublication(text, { eventBytes: 16 * 1024 * 1024, clock }));
      return bus.cursorAt(appended?.position ?? 0);
    },
    setRetention: (retention) => log.setRetention(retention),
    setLimits: (changed) => {
      limits = { ...limits, ...changed };
    },
    setCors: (changed) => {
      cors = changed;
    },
    close: async () => {
      fastify.server.closeAllConnections();
      const deadline = AbortSignal.abort();
      const reason = { code: "draining", detail: "The test ends.", mayReconnect: true } as const;
      await Promise.all(options.transports.map((transport) => transport.drain(reason, 0, deadline)));
      await fastify.close();
      bus.close();
      await log.close();
    },
  };
}

/** Waits for a condition, asking every few milliseconds. */
export async function until(condition: () => boolean | Promise<boolean>, what = "the condition"): Promise<void> {
  const endsAt = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > endsAt) throw new Error(`${what} did not come about`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** An interest in one filter. */
export function interest(filter: string): ReturnType<typeof interestIn> {
  return interestIn([parseFilter(filter)]);
}
