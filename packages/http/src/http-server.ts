import { METHODS, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { SluiceError, type Logger, type Meter } from "@sluice/core";
import { fastify as createFastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { onClientError, rawResponse } from "./client-error.ts";
import { problem, toFault } from "./problem.ts";

/** Options of {@link createHttpServer}. */
export interface HttpServerOptions {
  /** Bytes of a request's head (`limits.header`). */
  readonly headerBytes: number;
  /** Time for a request's head to arrive (`limits.head_timeout`). */
  readonly headTimeoutMs: number;
  /** Addresses of proxies, in CIDR notation, whose `X-Forwarded-*` are believed. */
  readonly trustProxy: readonly string[];
  readonly logger: Logger;
  readonly meter?: Meter;
  /** Bytes of a JSON body on routes that have no limit of their own; default 1 MiB. */
  readonly bodyBytes?: number;
}

/** A whole request, body and all, has five minutes: 10 MiB at 35 kB/s. */
const REQUEST_TIMEOUT_MS = 300_000;
/** Above the 60 s after which most proxies drop an idle connection, so that it is never us who drop it under a request. */
const KEEP_ALIVE_MS = 72_000;
/** A peer that vanished without a word is found by TCP itself, first asked after this time of silence. */
const TCP_KEEP_ALIVE_MS = 60_000;
const BODY_BYTES = 1024 * 1024;

/**
 * An HTTP server with the gateway's manners, for either listener: bounds on heads and their time, problem+json for every
 * fault, `Cache-Control: no-store` unless a route says otherwise. It logs nothing by itself but faults of its own, and it
 * ends no connection on close: draining is the transports' affair.
 */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const fastify: FastifyInstance = createFastify({
    logger: false,
    forceCloseConnections: false,
    return503OnClosing: false,
    exposeHeadRoutes: false,
    trustProxy: options.trustProxy.length === 0 ? false : [...options.trustProxy],
    bodyLimit: options.bodyBytes ?? BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    clientErrorHandler: onClientError(options.meter),
    frameworkErrors: (error, request, reply) => void answerFault(options.logger, error, request, reply),
    http: {
      maxHeaderSize: options.headerBytes,
      headersTimeout: options.headTimeoutMs,
      // Node looks at the clock every 30 s by default: half a head would be held that long.
      connectionsCheckingInterval: Math.max(50, Math.min(1000, Math.floor(options.headTimeoutMs / 4))),
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
      insecureHTTPParser: false,
      // Node's own answer to this has no body; the hook below says what is wrong.
      requireHostHeader: false,
      // RFC 9110 §7.8: an offer to upgrade to something else (h2c, say) is passed over.
      shouldUpgradeCallback: (request: IncomingMessage): boolean =>
        fastify.server.listenerCount("upgrade") > 0 && isWebSocketUpgrade(request) && !isBehindAnother(request),
    },
  });
  prepareServer(fastify);
  fastify.addHook("onRequest", (request, reply, done) => {
    reply.header("cache-control", "no-store");
    if (hasUpgraded(request.raw)) {
      reply.header("connection", "close");
      closeAfter(reply.raw, request.raw.socket);
    }
    done(faultOf(request));
  });
  fastify.addHook("onSend", (_request, reply, _payload, done) => {
    // A server that no longer listens is being drained, and by now looks for idle connections no more.
    if (!fastify.server.listening) reply.header("connection", "close");
    done();
  });
  fastify.setErrorHandler((error, request, reply) => answerFault(options.logger, error, request, reply));
  fastify.setNotFoundHandler((_request, reply) => sendProblem(reply, notFound()));
  return fastify;
}

/** Whether Node has taken the connection off its HTTP parser for this request: an upgrade that may be accepted. */
export function hasUpgraded(request: IncomingMessage): boolean {
  // Node sets it and @types/node does not know of it.
  return (request as { upgrade?: boolean }).upgrade === true;
}

/** Whether another request of its connection is still to be answered: bytes of an upgrade would go before, or into, that. */
function isBehindAnother({ socket }: IncomingMessage): boolean {
  // The one whose turn it is. There is no public way to ask.
  const { _httpMessage: answer } = socket as { _httpMessage?: object | null };
  return (answer ?? null) !== null;
}

function prepareServer(fastify: FastifyInstance): void {
  const { server } = fastify;
  server.maxHeadersCount = 0;
  // RFC 9110 §10.1.1: an expectation other than 100-continue may be passed over.
  server.on("checkExpectation", (request, response) => server.emit("request", request, response));
  server.on("connect", (_request, socket) => {
    socket.on("error", () => socket.destroy());
    socket.end(rawResponse(problem(new SluiceError("method-not-allowed", "This is no proxy: CONNECT is not for it."))));
  });
  // So that the answer to the rarer methods is 405 where there is something, and not 404.
  for (const method of METHODS) {
    if (method !== "CONNECT" && !fastify.supportedMethods.includes(method)) fastify.addHttpMethod(method);
  }
}

/**
 * An upgrade that is answered without one leaves a connection that nobody reads any more. A listener made here knows
 * the socket alone, and goes with the response where the upgrade is accepted.
 */
function closeAfter(response: ServerResponse, socket: Socket): void {
  response.once("finish", () => socket.destroySoon());
}

/** What can be said of a request before anybody looks at its body. */
function faultOf(request: FastifyRequest): SluiceError | undefined {
  const hosts = hostsIn(request.raw.rawHeaders);
  if (hosts === 0 && request.raw.httpVersion === "1.1") {
    return new SluiceError("bad-request", "An HTTP/1.1 request needs a Host header.");
  }
  // RFC 9112 §3.2. Node would go by the first, and a proxy in front perhaps by the last.
  if (hosts > 1) return new SluiceError("bad-request", "A request has one Host header at the most.");
  return request.is404 ? notFound() : undefined;
}

function hostsIn(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length === 4 && name.toLowerCase() === "host") count += 1;
  }
  return count;
}

function notFound(): SluiceError {
  return new SluiceError("not-found", "There is nothing at this address.");
}

/** Answers a request with a fault as problem+json. */
export function sendProblem(reply: FastifyReply, error: unknown): FastifyReply {
  const told = problem(error);
  return reply.code(told.status).headers(told.headers).send(Buffer.from(told.body));
}

/** Whether a request asks for WebSocket on its connection. */
export function isWebSocketUpgrade(request: IncomingMessage): boolean {
  const offered = request.headers.upgrade;
  return offered !== undefined && offered.split(",").some((protocol) => protocol.trim().toLowerCase() === "websocket");
}

function answerFault(logger: Logger, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const fault = toFault(error);
  // Never the URL: it may hold a token.
  if (fault.code === "internal") {
    logger.error({ err: error, method: request.method, route: request.routeOptions.url }, "a request failed");
  }
  return sendProblem(reply, fault);
}
