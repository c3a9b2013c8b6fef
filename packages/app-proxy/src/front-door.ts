import { ServerResponse, type IncomingHttpHeaders, type IncomingMessage, type Server } from "node:http";
import type { Duplex } from "node:stream";
import type { Socket } from "node:net";
import { SluiceError, type Clock } from "@sluice/core";

/** Takes a plain request. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;
/** Takes a request for an upgrade to WebSocket, and its connection. */
export type UpgradeHandler = (request: IncomingMessage, socket: Socket, head: Buffer) => void;

/** Where a request goes: to the gateway's own routes, or to the app. */
export interface FrontDoorOptions {
  /** `/realtime` */
  readonly prefix: string;
  /** Further paths of the gateway's own, each by itself. */
  readonly ownPaths: readonly string[];
  readonly clock: Clock;
  readonly onRequest: RequestHandler;
  readonly onUpgrade: UpgradeHandler;
}

/** A whole request to the gateway's own routes, body and all, has five minutes: 10 MiB at 35 kB/s. */
const OWN_REQUEST_MS = 300_000;
/** The path and query of a target in absolute form (RFC 9112 §3.2.2). */
const ABSOLUTE = /^https?:\/\/[^/?#]+(\/.*)$/i;

/**
 * Stands between a server and Fastify, and lets what is the gateway's own through to it. All else never meets Fastify's
 * router, hooks and body parsers, which would decode paths, refuse methods that they don't know and set headers.
 */
export class FrontDoor {
  readonly #options: FrontDoorOptions;
  readonly #server: Server;
  readonly #requestListeners: readonly RequestHandler[];
  readonly #upgradeListeners: readonly ((request: IncomingMessage, socket: Duplex, head: Buffer) => void)[];

  /** Takes the place of the listeners that the server has. */
  constructor(server: Server, options: FrontDoorOptions) {
    this.#options = options;
    this.#server = server;
    this.#requestListeners = server.listeners("request") as RequestHandler[];
    this.#upgradeListeners = server.listeners("upgrade") as UpgradeHandler[] as never;
    server.removeAllListeners("request");
    server.removeAllListeners("upgrade");
    server.on("request", (request, response) => this.#onRequest(request, response));
    server.on("checkContinue", (request, response) => this.#onContinue(request, response));
    server.on("upgrade", (request, socket, head) => this.#onUpgrade(request, socket as Socket, head));
    // Of a request as a whole: an upload to the app may take longer. Its head keeps its own time-out.
    server.requestTimeout = 0;
  }

  /** Hands a request to the gateway's own routes. */
  readonly toGateway: RequestHandler = (request, response) => {
    for (const listener of this.#requestListeners) listener.call(this.#server, request, response);
  };

  /** The same for an upgrade: to the transport that takes upgrades, or else as a plain request that is refused. */
  readonly upgradeToGateway: UpgradeHandler = (request, socket, head) => {
    if (this.#upgradeListeners.length === 0) {
      this.toGateway(request, responseOn(request, socket));
      return;
    }
    for (const listener of this.#upgradeListeners) listener.call(this.#server, request, socket, head);
  };

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    if (!this.#isOwn(request)) return this.#options.onRequest(request, response);
    this.#limitTime(request);
    this.toGateway(request, response);
  }

  #onContinue(request: IncomingMessage, response: ServerResponse): void {
    if (this.#isOwn(request)) response.writeContinue();
    this.#onRequest(request, response);
  }

  #onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    if (this.#isOwn(request)) this.upgradeToGateway(request, socket, head);
    else this.#options.onUpgrade(request, socket, head);
  }

  /** By its target as it is written; one that is spelled in another way is the app's. */
  #isOwn({ url = "" }: IncomingMessage): boolean {
    const { prefix, ownPaths } = this.#options;
    const path = url.startsWith("http") ? (ABSOLUTE.exec(url)?.[1] ?? "") : url;
    return isUnder(prefix, path) || ownPaths.some((own) => isAt(own, path));
  }

  #limitTime(request: IncomingMessage): void {
    if (!hasBody(request.headers)) return;
    const cancel = this.#options.clock.after(OWN_REQUEST_MS, () => {
      if (request.complete) return;
      const fault = Object.assign(new Error("Request timeout"), { code: "ERR_HTTP_REQUEST_TIMEOUT" });
      this.#server.emit("clientError", fault, request.socket);
    });
    request.once("close", cancel);
  }
}

/** Whether a request has a body, by its header. */
export function hasBody(headers: IncomingHttpHeaders): boolean {
  const { "content-length": length, "transfer-encoding": coding } = headers;
  return coding !== undefined || (length !== undefined && !/^0+$/.test(length));
}

/** A response for a connection that Node's server has given up for an upgrade; the connection ends with it. */
export function responseOn(request: IncomingMessage, socket: Socket): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  socket.on("error", () => socket.destroy());
  response.assignSocket(socket);
  response.once("finish", () => socket.destroySoon());
  return response;
}

/** Refuses an upgrade with a body: what the app would read as its body, the gateway would send as a tunnel's bytes. */
export function checkUpgrade(request: IncomingMessage): void {
  if (hasBody(request.headers)) throw new SluiceError("bad-request", "An upgrade to WebSocket can't have a body.");
}

function isUnder(prefix: string, path: string): boolean {
  const next = path.charCodeAt(prefix.length);
  return path.startsWith(prefix) && (Number.isNaN(next) || next === 47 || next === 63);
}

function isAt(own: string, path: string): boolean {
  return path.startsWith(own) && (path.length === own.length || path.charCodeAt(own.length) === 63);
}
