import { createAccess, type AccessRules, type GatewayAccess, type GrantSource } from "@sluice/access";
import { createAppProxy, ResourceTable, type AppProxy } from "@sluice/app-proxy";
import {
  Bus,
  CLOSE_REASONS,
  parseFilter,
  SluiceError,
  systemClock,
  type Clock,
  type EventLog,
  type Logger,
  type Transport,
} from "@sluice/core";
import type { RestHooks } from "@sluice/transport-rest-hooks";
import { applyCors, createHttpServer, publicApi, Seats, type HttpTransport } from "@sluice/http";
import type { XmppComponent, XmppTransport } from "@sluice/transport-xmpp";
import type { FastifyInstance } from "fastify";
import { createAdminServer } from "./admin/admin-server.ts";
import type { Phase } from "./admin/gateway-state.ts";
import { AppAccess } from "./app-access.ts";
import type { Config } from "./config/config.ts";
import { reloadable } from "./config/reload.ts";
import { createHooks } from "./hooks.ts";
import { closeServer, explained, listen, setHeadLimits, stopListening } from "./listening.ts";
import { silentLogger } from "./logging/silent-logger.ts";
import { GatewayMeter } from "./metrics/gateway-meter.ts";
import { createRegistry, type GatewayRegistry } from "./metrics/gateway-registry.ts";
import { logFolder } from "./metrics/log-figures.ts";
import { openLog } from "./open-log.ts";
import { outsidePaths } from "./outside-paths.ts";
import { createTransports } from "./transports.ts";
import { UnusedConnections } from "./unused-connections.ts";
import { version } from "./version.ts";
import { createXmpp, createXmppComponent, type XmppSurroundings } from "./xmpp.ts";

/** What {@link startGateway} takes. */
export interface GatewayOptions {
  readonly config: Config;
  /** Default: nothing is said. */
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** Its log can't be kept going: nothing is left to do but to end the process. Default: it goes on without. */
  readonly onLogLost?: (error: Error) => void;
}

/** A gateway that runs. */
export interface Gateway {
  /** Base of the public listener, with the port that it really has: `http://127.0.0.1:8080`. */
  readonly publicUrl: string;
  /** Base of the admin listener. */
  readonly adminUrl: string;
  readonly bus: Bus;
  readonly meter: GatewayMeter;
  /** The TCP ports of XMPP, in the order `listen`, `direct_tls`; empty without. */
  readonly xmppPorts: readonly number[];
  /**
   * Takes what may change while it runs from a checked configuration: keys, grants, resources, limits. Answers the keys
   * that differ and wait for a restart.
   */
  reload(next: Config): Promise<readonly string[]>;
  /** Stops in order, within `drain.timeout`: readers are sent away over `drain.spread`. The same promise each time. */
  drain(): Promise<void>;
  /** Stops at once. The same promise each time. */
  close(): Promise<void>;
}

/** Kept back of `drain.timeout` for closing what is left. */
const CLOSING_MS = 1000;
const RETRY_AFTER_SECONDS = 5;
/** How long a drain waits for the head of a request on a connection that was opened before it. */
const HEAD_GRACE_MS = 500;
/** How long the servers may take to close when all their readers are gone. */
const GIVE_UP_MS = 2000;

/**
 * Starts a gateway.
 * @throws {ListenError} if a listener can't be opened
 * @throws {LogOpenError} if the log can't be opened
 * @throws {AccessOptionsError} if `access` can't be used
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { config, clock = systemClock, logger = silentLogger, onLogLost: onLost = () => undefined } = options;
  const log = await openLog(config, { clock, logger, onLost });
  const gateway = await compose({ config, clock, logger, log });
  try {
    await gateway.start();
  } catch (error) {
    await gateway.close();
    throw error;
  }
  return gateway;
}

async function compose(parts: Parts): Promise<RunningGateway> {
  try {
    return new RunningGateway(parts);
  } catch (error) {
    await parts.log.close();
    throw error;
  }
}

interface Parts {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly log: EventLog;
}

class RunningGateway implements Gateway {
  readonly bus: Bus;
  readonly meter: GatewayMeter;
  readonly #parts: Parts;
  readonly #access: GatewayAccess;
  readonly #appAccess: AppAccess;
  /** `null` without an app behind. */
  readonly #appProxy: AppProxy | null;
  readonly #transports: readonly HttpTransport[];
  /** `null` where they are off. */
  readonly #hooks: RestHooks | null;
  /** `null` where it is off. */
  readonly #xmpp: XmppTransport | null;
  /** `null` where there is no other XMPP server to join. */
  readonly #xmppComponent: XmppComponent | null;
  readonly #seats: Seats = new Seats(() => this.#config.limits);
  readonly #registry: GatewayRegistry;
  readonly #servers: { public: FastifyInstance | null; admin: FastifyInstance | null } = { public: null, admin: null };
  #unused: UnusedConnections | null = null;
  #config: Config;
  #resources: ResourceTable;
  #restartKeys: readonly string[] = [];
  #phase: Phase = "ready";
  readonly #started: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #draining: Promise<void> | null = null;
  #closing: Promise<void> | null = null;
  publicUrl = "";
  adminUrl = "";

  constructor(parts: Parts) {
    const { config, clock, logger, log } = parts;
    this.#parts = parts;
    this.#config = config;
    this.#transports = createTransports(() => this.#config);
    this.#hooks = createHooks(config, () => ({ public: this.publicUrl, admin: this.adminUrl }));
    this.#resources = new ResourceTable(config.resources);
    this.#appAccess = new AppAccess({ pathOf: (topic) => this.#resources.pathOf(topic), clock, logger });
    this.#access = createAccess({ ...rulesOf(config, this.#appAccess.sources(config)), clock, logger });
    const surroundings: XmppSurroundings = {
      access: this.#access,
      seats: this.#seats,
      config: () => this.#config,
      publicUrl: () => this.publicUrl,
    };
    this.#xmpp = createXmpp(config, surroundings);
    this.#xmppComponent = createXmppComponent(config, surroundings);
    this.meter = new GatewayMeter(this.#pushing().map(({ name }) => name));
    this.bus = new Bus({ log, clock, meter: this.meter, logger, batchBytes: config.limits.batchBytes });
    this.#appProxy = this.#createAppProxy();
    log.tail((batch) => {
      this.meter.published += batch.length;
    });
    this.#registry = createRegistry({
      meter: this.meter,
      log,
      folder: logFolder(config),
      clock,
      version,
      audiences: () => this.bus.audienceCount,
      appAccess: () => this.#appAccess.figures,
      hooks: this.#hooks,
      xmppComponent: this.#xmppComponent,
    });
  }

  get xmppPorts(): readonly number[] {
    return this.#xmpp?.ports ?? [];
  }

  async start(): Promise<void> {
    const { clock, logger } = this.#parts;
    const { bus, meter } = this;
    for (const transport of this.#pushing()) {
      // Of the transports XMPP alone has a listener of its own.
      const starting = transport.start({ bus, clock, meter, logger });
      await (transport === this.#xmpp ? explained(starting, "transports.xmpp.tcp") : starting);
    }
    this.#servers.public = await this.#createPublicServer();
    this.#servers.admin = await this.#createAdminServer();
    // The admin listener first: who sees the public one open can trust the health checks too. And `/readyz` answers when
    // both are open.
    this.adminUrl = await listen(this.#servers.admin, this.#config.admin.listen, "admin.listen");
    this.publicUrl = await listen(this.#servers.public, this.#config.public.listen, "public.listen");
    this.#started.resolve();
    const [xmpp] = this.xmppPorts;
    const listening = {
      public: this.publicUrl,
      admin: this.adminUrl,
      ...(xmpp === undefined ? {} : { xmpp_port: xmpp }),
    };
    logger.info({ version, ...listening }, "ready");
  }

  async reload(next: Config): Promise<readonly string[]> {
    const { config, needsRestart } = reloadable(this.#config, next);
    await this.#reloadAccess(config);
    this.#restartKeys = needsRestart;
    this.#config = config;
    this.bus.setBatchBytes(config.limits.batchBytes);
    this.#parts.log.setRetention(config.retention);
    for (const server of [this.#servers.public, this.#servers.admin]) {
      if (server !== null) setHeadLimits(server.server, config.limits);
    }
    return this.#restartKeys;
  }

  drain(): Promise<void> {
    this.#draining ??= this.#closing ?? this.#drain();
    return this.#draining;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Readers are judged by the new grants and the new resources, or by neither. */
  async #reloadAccess(config: Config): Promise<void> {
    const former = this.#resources;
    try {
      this.#resources = new ResourceTable(config.resources);
      await this.#access.reload(rulesOf(config, this.#appAccess.sources(config)));
      this.#appAccess.settle(config);
    } catch (error) {
      this.#resources = former;
      throw error;
    }
  }

  async #createPublicServer(): Promise<FastifyInstance> {
    const { clock, logger } = this.#parts;
    const { limits, public: front } = this.#config;
    const { bus, meter } = this;
    const server = createHttpServer({
      headerBytes: limits.headerBytes,
      headTimeoutMs: limits.headTimeoutMs,
      trustProxy: front.trustProxy,
      logger,
      meter,
    });
    const unused = new UnusedConnections(server.server);
    this.#unused = unused;
    server.addHook("onRequest", (request, reply, done) => {
      unused.used(request.raw.socket);
      if (this.#phase === "ready") return done();
      // On a connection that was open before the listener was closed. Pages of other origins may read why, and when to
      // come again.
      applyCors(request, reply, this.#config.public.cors);
      meter.refused("http", "draining");
      return done(new SluiceError("draining", "The gateway is stopping.", { retryAfterSeconds: RETRY_AFTER_SECONDS }));
    });
    await server.register(
      publicApi({
        prefix: front.prefix,
        transports: this.#transports,
        access: this.#access,
        bus,
        clock,
        meter,
        logger,
        limits: () => this.#config.limits,
        cors: () => this.#config.public.cors,
        seats: this.#seats,
        beside: async (scope) => this.#xmpp?.register(scope),
        ...(this.#appProxy && {
          resourceParameters: this.#appProxy.resourceParameters,
          takeSnapshot: this.#appProxy.takeSnapshot,
        }),
      }),
    );
    const cors = (): Config["public"]["cors"] => this.#config.public.cors;
    if (this.#hooks !== null) await server.register(this.#hooks.publicDoor({ access: this.#access, cors }));
    if (this.#appProxy !== null) await server.register(this.#appProxy.plugin);
    return server;
  }

  #createAppProxy(): AppProxy | null {
    const { config, clock, logger } = this.#parts;
    const { bus, meter } = this;
    if (config.app === null) return null;
    return createAppProxy({
      app: config.app,
      prefix: config.public.prefix,
      ...outsidePaths(config),
      trustProxy: config.public.trustProxy,
      rules: () => this.#resources,
      eventBytes: () => this.#config.limits.eventBytes,
      onProxied: (socket) => this.#unused?.used(socket),
      seats: this.#seats,
      bus,
      meter,
      logger,
      clock,
    });
  }

  /** Everything by which events leave. */
  #pushing(): readonly Transport[] {
    return [...this.#transports, this.#hooks, this.#xmpp, this.#xmppComponent].filter(
      (transport) => transport !== null,
    );
  }

  async #createAdminServer(): Promise<FastifyInstance> {
    const { clock, logger, log } = this.#parts;
    const { bus, meter } = this;
    const config = (): Config => this.#config;
    const server = await createAdminServer({
      config,
      bus,
      clock,
      meter,
      logger,
      registry: this.#registry,
      state: {
        version,
        clock,
        log,
        bus,
        meter,
        config,
        startedAtMs: clock.now(),
        started: this.#started.promise,
        phase: () => this.#phase,
        restartKeys: () => this.#restartKeys,
        xmppComponent: () => this.#xmppComponent?.figures ?? null,
      },
    });
    if (this.#hooks !== null) await server.register(this.#hooks.adminDoor());
    return server;
  }

  async #drain(): Promise<void> {
    const { clock, logger } = this.#parts;
    const { spreadMs, timeoutMs } = this.#config.drain;
    this.#phase = "draining";
    logger.info({ spread_ms: spreadMs, timeout_ms: timeoutMs }, "draining");
    const deadline = new AbortController();
    const cancel = clock.after(Math.max(timeoutMs - CLOSING_MS, timeoutMs / 2), () => deadline.abort());
    const isIdle = stopListening(this.#servers.public);
    clock.after(HEAD_GRACE_MS, () => this.#unused?.destroy());
    const reason = CLOSE_REASONS.draining;
    const drained = [...this.#pushing(), ...(this.#appProxy === null ? [] : [this.#appProxy])];
    await Promise.all(drained.map((part) => part.drain(reason, spreadMs, deadline.signal)));
    // What is still being answered is short: publications on their way to the disk, pages.
    await Promise.race([isIdle, aborted(deadline.signal)]);
    cancel();
    await this.close();
    logger.info({}, "drained");
  }

  async #close(): Promise<void> {
    const { log } = this.#parts;
    const { public: front, admin } = this.#servers;
    this.#phase = this.#phase === "ready" ? "closed" : this.#phase;
    const reason = CLOSE_REASONS.draining;
    await Promise.all(this.#pushing().map((transport) => transport.drain(reason, 0, AbortSignal.abort())));
    await Promise.race([Promise.all([closeServer(front), closeServer(admin)]), this.#giveUp()]);
    this.#phase = "closed";
    this.bus.close();
    this.#access.close();
    this.#appAccess.close();
    this.#registry.close();
    await log.close();
  }

  /** A server waits for every socket that it ever handed out; what has lost its owner must not keep the log open. */
  #giveUp(): Promise<void> {
    const { clock, logger } = this.#parts;
    return new Promise((resolve) => {
      clock.after(GIVE_UP_MS, () => {
        if (this.#phase !== "closed") logger.warn({}, "a connection did not close; it is given up");
        resolve();
      });
    });
  }
}

function rulesOf({ access }: Config, sources: readonly GrantSource[]): AccessRules {
  return { public: access.public.map(parseFilter), jwt: access.jwt, sources };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
