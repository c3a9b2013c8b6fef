import type { IncomingMessage, ServerResponse } from "node:http";
import fastifyWebsocket from "@fastify/websocket";
import { HeartbeatWheel, newEventId, type CloseReason, type TransportContext } from "@sluice/core";
import type { HttpTransport, ReadRequest } from "@sluice/http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { WebSocket } from "ws";
import { Connection } from "./connection.ts";
import { Connections } from "./connections.ts";
import { PING, textFrame } from "./frames.ts";
import { refuseHandshake } from "./handshake-fault.ts";
import type { WebSocketLimits } from "./limits.ts";
import type { Shared } from "./peer.ts";

/** The subprotocol (RFC 6455 §1.9) that a client may ask for. */
export const SUBPROTOCOL = "sluice.v1";

/** Options of {@link websocket}. */
export interface WebSocketOptions {
  /** Between two pings, and the longest that a client hears nothing. At least 1. */
  readonly heartbeatMs: number;
  /** The limits of now: asked for anew each time, so that a reload holds for live connections. */
  readonly limits: () => WebSocketLimits;
}

/** A client's close frame is waited for so long. */
const CLOSE_TIMEOUT_MS = 10_000;
/** Frames of one message and chunks of one frame, at the most: each costs more than its bytes. */
const MIN_PARTS = 1024;
const BYTES_PER_PART = 256;

/**
 * WebSocket (RFC 6455): any number of topics on one connection, publishing, and refreshing the token in place.
 * @throws {RangeError} if the heartbeat is no positive number of milliseconds
 */
export function websocket(options: WebSocketOptions): HttpTransport {
  if (!(options.heartbeatMs >= 1)) throw new RangeError("heartbeatMs must be at least 1");
  return new WebSocketTransport(options);
}

class WebSocketTransport implements HttpTransport {
  readonly name = "websocket";
  readonly holdsConnection = true;
  readonly #options: WebSocketOptions;
  /** The responses that the plugin made for upgrade requests. */
  readonly #responses = new WeakMap<IncomingMessage, ServerResponse>();
  #running: { readonly shared: Shared; readonly connections: Connections } | null = null;

  constructor(options: WebSocketOptions) {
    this.#options = options;
  }

  async register(fastify: FastifyInstance): Promise<void> {
    const { limits } = this.#options;
    const parts = Math.max(MIN_PARTS, Math.ceil(limits().messageBytes / BYTES_PER_PART));
    const options = {
      maxPayload: limits().messageBytes,
      maxFragments: parts,
      maxBufferedChunks: parts,
      perMessageDeflate: false,
      handleProtocols: (offered: ReadonlySet<string>) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
      // The transport has a set of its own, and answers pings itself, so that a flood of them is bounded.
      clientTracking: false,
      autoPong: false,
      closeTimeout: CLOSE_TIMEOUT_MS,
    } as const;
    await fastify.register(fastifyWebsocket, { options });
    const server = fastify.websocketServer;
    server.on("wsClientError", refuseHandshake);
    // Emitted before a socket is set up with the limit: a reload holds for those that come after it.
    server.on("headers", () => {
      server.options.maxPayload = limits().messageBytes;
    });
    fastify.addHook("onRequest", (request, reply, done) => {
      if (request.ws) this.#responses.set(request.raw, reply.raw);
      done();
    });
    // Node's server waits for upgraded sockets too before it has closed.
    fastify.addHook("preClose", (done) => {
      this.#running?.connections.terminate();
      done();
    });
  }

  start({ bus, clock, meter, logger }: TransportContext): Promise<void> {
    const connections = new Connections(clock);
    const frame = heartbeatFrames();
    this.#running = {
      connections,
      shared: {
        bus,
        clock,
        meter,
        logger,
        heartbeatMs: this.#options.heartbeatMs,
        limits: this.#options.limits,
        wheel: new HeartbeatWheel(clock),
        heartbeat: frame,
        forget: (connection) => connections.remove(connection),
      },
    };
    return Promise.resolve();
  }

  connect(read: ReadRequest, ws: WebSocket, { raw }: FastifyRequest): void {
    if (this.#running === null) throw new Error("The transport has not been started.");
    const { shared, connections } = this.#running;
    this.#letGo(ws, raw);
    const connection = new Connection(shared, read, ws, raw.socket);
    connection.start(newEventId(shared.clock), read);
    connections.add(connection);
  }

  async drain(reason: CloseReason, spreadMs: number, deadline: AbortSignal): Promise<void> {
    await this.#running?.connections.drain(reason, spreadMs, deadline);
  }

  /**
   * Cuts what holds request and reply as long as the socket lives: a listener of the plugin, and the response that
   * Node ties to the socket.
   */
  #letGo(ws: WebSocket, raw: IncomingMessage): void {
    ws.removeAllListeners("error");
    this.#responses.get(raw)?.detachSocket(raw.socket);
  }
}

/** Ping and heartbeat in one buffer. Of one round most readers have the same cursor. */
function heartbeatFrames(): (cursor: string) => Buffer {
  let of: string | null = null;
  let frame: Buffer = PING;
  return (cursor) => {
    if (cursor !== of) {
      of = cursor;
      frame = Buffer.concat([PING, textFrame(`{"op":"heartbeat","cursor":"${cursor}"}`)]);
    }
    return frame;
  };
}
