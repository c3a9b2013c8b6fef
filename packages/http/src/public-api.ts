import type { Socket } from "node:net";
import type { Access, Bus, Clock, Logger, Meter } from "@sluice/core";
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest, preHandlerHookHandler } from "fastify";
import type { WebSocket } from "ws";
import { Admission, canUpgrade, type Admitted } from "./admission.ts";
import { registerCors } from "./cors.ts";
import type { HttpLimits } from "./limits.ts";
import type { HttpTransport } from "./http-transport.ts";
import { refuseOtherMethods } from "./methods.ts";
import { checkOrigin, type CorsRules } from "./origin.ts";
import { toFault } from "./problem.ts";
import { publishRoute } from "./publishing/publish-route.ts";
import { Query } from "./reading/query.ts";
import { parametersOfQuery, type ReadParameters } from "./reading/read-parameters.ts";
import { ReadQueries } from "./reading/read-queries.ts";
import type { Seat } from "./reading/read-request.ts";
import { Seats } from "./seats.ts";
import type { TakeSnapshot } from "./reading/snapshot.ts";

/** Options of {@link publicApi}. */
export interface PublicApiOptions {
  /** Path under which the gateway's own URLs are: `/realtime`. */
  readonly prefix: string;
  /** Those that are switched on, and started. */
  readonly transports: readonly HttpTransport[];
  readonly access: Access;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly logger: Logger;
  /** Asked for with every request. */
  readonly limits: () => HttpLimits;
  /** Asked for with every request. */
  readonly cors: () => CorsRules;
  /** Shared with others that hold connections; else of its own. */
  readonly seats?: Seats;
  /** Registers what shares CORS and the WebSocket server with these routes, once the transports have registered theirs. */
  readonly beside?: (fastify: FastifyInstance) => Promise<void>;
  /**
   * Reads the requests that come to {@link resourceRoute}: those of the app's own URLs which the gateway answers. Without
   * it there is no such route.
   * @throws {SluiceError} `not-found` for a request that nobody has sent there
   */
  readonly resourceParameters?: (request: FastifyRequest) => ReadParameters;
  /** Takes snapshots of resources, for `snapshot=1`; without it there are none. */
  readonly takeSnapshot?: TakeSnapshot;
}

/** Where a part of the gateway sends requests for URLs of the app that are answered like `PREFIX/events`. */
export function resourceRoute(prefix: string): string {
  return `${prefix}/resource`;
}

/**
 * `GET`, `HEAD` and `OPTIONS PREFIX/events`, by the transport that the client chose, and `POST PREFIX/events` for
 * publishers with a grant.
 */
export function publicApi(options: PublicApiOptions): FastifyPluginAsync {
  return async (fastify) => {
    const { transports, access, meter, limits, cors, resourceParameters } = options;
    registerCors(fastify, cors);
    for (const transport of transports) await transport.register?.(fastify);
    await options.beside?.(fastify);
    const seats = options.seats ?? new Seats(limits);
    const admission = new Admission({ transports, access, seats, meter, cors, takeSnapshot: options.takeSnapshot });
    const path = `${options.prefix}/events`;
    const queries = new ReadQueries();
    registerRead(fastify, path, {
      admission,
      meter,
      parameters: ({ raw, headers }) => parametersOfQuery(raw.url ?? "", headers, limits().subscriptions, queries),
    });
    if (resourceParameters !== undefined) {
      registerRead(fastify, resourceRoute(options.prefix), { admission, meter, parameters: resourceParameters });
    }
    fastify.options(path, async (_request, reply) =>
      reply.code(204).header("allow", "GET, HEAD, POST, OPTIONS").send(),
    );
    await fastify.register(
      publishRoute({ ...options, path, authorise: (request) => authorisePublish(request, options) }),
    );
    refuseOtherMethods(fastify, path, ["GET", "HEAD", "POST", "OPTIONS"]);
  };
}

interface ReadRoute {
  readonly admission: Admission;
  readonly meter: Meter;
  readonly parameters: (request: FastifyRequest) => ReadParameters;
}

function registerRead(fastify: FastifyInstance, path: string, { admission, meter, parameters }: ReadRoute): void {
  const upgrading = new WeakMap<FastifyRequest, Admitted>();
  /** Everything but an upgrade is answered here, before the route's handler would take it for one. */
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<"answered" | "upgrade"> => {
    const admitted = await admission.admit(request, () => parameters(request));
    const { transport, read } = admitted;
    if (transport.connect !== undefined && canUpgrade(request)) {
      releaseWith(request.raw.socket, read.seat);
      upgrading.set(request, admitted);
      return "upgrade";
    }
    try {
      const answering = transport.respond?.(read, request, reply);
      if (answering !== undefined) await answering;
    } catch (error) {
      read.seat?.release();
      meter.refused(transport.name, toFault(error).code);
      throw error;
    }
    return "answered";
  };
  // With a callback, since Fastify would wait for the reply of a promise: ten listeners for each client that waits.
  const preHandler: preHandlerHookHandler = (request, reply, proceed) => {
    answer(request, reply).then((how) => (how === "upgrade" ? proceed() : undefined), proceed);
  };
  const wsHandler = (socket: WebSocket, request: FastifyRequest): void => {
    const admitted = upgrading.get(request);
    upgrading.delete(request);
    admitted?.transport.connect?.(admitted.read, socket, request);
  };
  const handler = async (_request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => reply;
  const hasUpgrade = fastify.hasDecorator("websocketServer");
  const route = { url: path, preHandler, handler, exposeHeadRoute: false };
  fastify.route({ ...route, method: "GET", ...(hasUpgrade ? { wsHandler } : {}) });
  fastify.route({ ...route, method: "HEAD" });
}

/**
 * The handshake may still fail, and then nobody else would give the seat back. A listener made here knows the seat
 * alone: one made where request and reply are known would keep those as long as the socket (4 KiB per connection).
 */
function releaseWith(socket: Socket, seat: Seat | null): void {
  if (seat !== null) socket.once("close", () => seat.release());
}

async function authorisePublish(
  request: FastifyRequest,
  { access, cors }: PublicApiOptions,
): Promise<(topics: Parameters<Access["check"]>[2]) => Promise<void>> {
  const accessToken = new Query(request.raw.url ?? "").one("access_token");
  const { authorization, cookie } = request.headers;
  const principal = await access.identify({ authorization, cookie, accessToken });
  if (principal.isByCookie) checkOrigin(request, cors());
  return (topics) => access.check(principal, "publish", topics);
}
