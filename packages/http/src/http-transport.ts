import type { Transport } from "@sluice/core";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { WebSocket } from "ws";
import type { ReadRequest } from "./reading/read-request.ts";

/** A transport that answers `GET PREFIX/events`. The route negotiates, checks and then hands the request over. */
export interface HttpTransport extends Transport {
  /** Registers what the transport needs of Fastify before the route is made. */
  readonly register?: (fastify: FastifyInstance) => Promise<void>;
  /** Whether its readers stay, and so need a seat. */
  readonly holdsConnection: boolean;
  /**
   * Answers a plain request, now or later: it may be done, or its promise settle, before the answer is there. What it
   * throws is answered as a fault.
   */
  readonly respond?: (read: ReadRequest, request: FastifyRequest, reply: FastifyReply) => Promise<void> | void;
  /** Takes a socket whose upgrade has been accepted. */
  readonly connect?: (read: ReadRequest, socket: WebSocket, request: FastifyRequest) => void;
}
