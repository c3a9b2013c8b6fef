import type { Bus, Clock, Logger, Meter } from "@sluice/core";
import { createHttpServer, publishRoute, refuseOtherMethods, toFault } from "@sluice/http";
import type { FastifyInstance, FastifyReply } from "fastify";
import type { Config } from "../config/config.ts";
import type { GatewayRegistry } from "../metrics/gateway-registry.ts";
import { checkAdmin } from "./admin-guard.ts";
import { gatewayState, notReady, type StateSource } from "./gateway-state.ts";

/** Options of {@link createAdminServer}. */
export interface AdminServerOptions {
  readonly config: () => Config;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly registry: GatewayRegistry;
  readonly state: StateSource;
}

const HEALTH_PATH = "/healthz";
const READY_PATH = "/readyz";
/** Asked by load balancers and supervisors, which bring no key; they tell nothing but yes or no. */
const OPEN_PATHS: ReadonlySet<string | undefined> = new Set([HEALTH_PATH, READY_PATH]);
const READ_METHODS = ["GET", "HEAD"];
const INDEX = `sluice: the admin listener

POST /events        publish an event, or up to 1000
GET  /healthz       200 as long as the process runs
GET  /readyz        200 if it takes events and readers, else 503
GET  /metrics       figures for Prometheus
GET  /admin/state   what it is doing, as JSON
     /hooks         the hooks, whoever made them (unless they are off)
`;

/** The listener for those who run the gateway: publishing, health, metrics, state. */
export async function createAdminServer(options: AdminServerOptions): Promise<FastifyInstance> {
  const { config, bus, clock, meter, logger } = options;
  const { limits, admin } = config();
  const server = createHttpServer({
    headerBytes: limits.headerBytes,
    headTimeoutMs: limits.headTimeoutMs,
    trustProxy: [],
    logger,
    meter,
  });
  const guard = { key: () => config().admin.key, host: admin.listen.host };
  server.addHook("onRequest", (request, _reply, done) => {
    if (OPEN_PATHS.has(request.routeOptions.url)) return done();
    try {
      checkAdmin(request, guard);
    } catch (error) {
      const fault = toFault(error);
      meter.refused("admin", fault.code);
      return done(fault);
    }
    return done();
  });
  registerReads(server, options);
  await server.register(publishRoute({ path: "/events", bus, clock, meter, limits: () => config().limits }));
  refuseOtherMethods(server, "/events", ["POST"]);
  return server;
}

function registerReads(server: FastifyInstance, { registry, state }: AdminServerOptions): void {
  const read = (url: string, handler: (reply: FastifyReply) => Promise<FastifyReply>): void => {
    server.route({ method: READ_METHODS, url, handler: (_request, reply) => handler(reply) });
    refuseOtherMethods(server, url, READ_METHODS);
  };
  read("/", async (reply) => reply.type("text/plain; charset=utf-8").send(INDEX));
  read(HEALTH_PATH, async (reply) => reply.send({ status: "up" }));
  read(READY_PATH, async (reply) => {
    await state.started;
    const reason = notReady(state);
    if (reason !== null) throw reason;
    return reply.send({ status: "ready" });
  });
  read("/metrics", async (reply) => reply.type(registry.contentType).send(await registry.text()));
  read("/admin/state", async (reply) => reply.send(await gatewayState(state)));
}
