import type { IncomingMessage } from "node:http";
import fastifyWebsocket from "@fastify/websocket";
import { SluiceError } from "@sluice/core";
import { HttpFault, isWebSocketUpgrade, refuseOtherMethods, type Seats } from "@sluice/http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { WebSocket } from "ws";
import type { Shared } from "../session/shared.ts";
import { WebSocketConnection } from "./websocket-connection.ts";

/** RFC 7395 §3.1. */
const SUBPROTOCOL = "xmpp";
const MESSAGE_BYTES = 256 * 1024;
const PARTS = 1024;

/** Options of {@link registerWebSocket}. */
export interface WebSocketRouteOptions {
  readonly path: string;
  readonly seats: Seats;
  /** Null before the transport has started. */
  readonly shared: () => Shared | null;
}

/**
 * Takes WebSocket clients on a path of a scope that may have `@fastify/websocket` already, for another transport. There
 * can be one per scope; which subprotocol and which size hold is then said by the path.
 */
export async function registerWebSocket(fastify: FastifyInstance, options: WebSocketRouteOptions): Promise<void> {
  const { path, seats, shared } = options;
  if (!fastify.hasDecorator("websocketServer")) {
    await fastify.register(fastifyWebsocket, {
      options: {
        maxPayload: MESSAGE_BYTES,
        maxFragments: PARTS,
        maxBufferedChunks: PARTS,
        perMessageDeflate: false,
        clientTracking: false,
        autoPong: false,
      },
    });
  }
  const server = fastify.websocketServer;
  const isOurs = ({ url = "" }: IncomingMessage): boolean => url === path || url.startsWith(`${path}?`);
  const others = server.options.handleProtocols;
  server.options.handleProtocols = (offered, request) => {
    if (isOurs(request)) return offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false;
    return others?.(offered, request) ?? false;
  };
  // Emitted before a socket is set up with the limit, after the listener of whoever was here before.
  server.on("headers", (_headers, request) => {
    if (isOurs(request)) server.options.maxPayload = MESSAGE_BYTES;
  });
  fastify.route({
    method: "GET",
    url: path,
    exposeHeadRoute: false,
    preHandler: (request, _reply, proceed) => proceed(admit(request)),
    handler: async () => {
      throw new SluiceError("internal", "An upgrade was not taken.");
    },
    wsHandler: (socket: WebSocket, request) => {
      const running = shared();
      socket.removeAllListeners("error");
      if (running === null) return socket.terminate();
      return WebSocketConnection.serve(running, socket, request.raw.socket, request.protocol === "https");
    },
  });
  refuseOtherMethods(fastify, path, ["GET"]);

  function admit(request: FastifyRequest): Error | undefined {
    if (!request.ws || !isWebSocketUpgrade(request.raw)) {
      const headers = { connection: "Upgrade", upgrade: "websocket" };
      return new HttpFault("upgrade-required", "XMPP is spoken by WebSocket here.", { headers });
    }
    const offered = request.headers["sec-websocket-protocol"] ?? "";
    if (!offered.split(",").some((one) => one.trim() === SUBPROTOCOL)) {
      return new SluiceError("bad-request", `The subprotocol ${SUBPROTOCOL} must be asked for (RFC 7395).`);
    }
    try {
      const seat = seats.take(request.ip);
      request.raw.socket.once("close", () => seat.release());
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }
}
