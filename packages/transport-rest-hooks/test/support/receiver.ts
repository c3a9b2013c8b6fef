import {
  createServer as createHttpServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { until } from "./until.ts";

/** A request that a receiver got, whole. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  readonly atMs: number;
}

/** Answers a request that was read whole. */
export type Script = (received: Received, response: ServerResponse, request: IncomingMessage) => void;

/** Answers with a status and nothing else. */
export function status(code: number, headers: Readonly<Record<string, string>> = {}): Script {
  return (_received, response) => void response.writeHead(code, headers).end();
}

/** A target of hooks on loopback, whose behaviour a test scripts. */
export class Receiver {
  readonly received: Received[] = [];
  script: Script = status(200);
  readonly #server: Server;
  readonly #scheme: string;
  connections = 0;

  private constructor(server: Server, scheme: string) {
    this.#server = server;
    this.#scheme = scheme;
  }

  static async start(tls?: { readonly cert: string; readonly key: string }): Promise<Receiver> {
    const server = tls === undefined ? createHttpServer() : createHttpsServer(tls);
    const receiver = new Receiver(server, tls === undefined ? "http" : "https");
    server.on("connection", () => {
      receiver.connections += 1;
    });
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const received: Received = {
          method: request.method ?? "",
          path: request.url ?? "",
          headers: request.headers,
          rawHeaders: request.rawHeaders,
          body: Buffer.concat(chunks),
          atMs: performance.now(),
        };
        receiver.received.push(received);
        receiver.script(received, response, request);
      });
    });
    server.keepAliveTimeout = 60_000;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  url(path: string = "/hook", host: string = "127.0.0.1"): string {
    return `${this.#scheme}://${host}:${this.port}${path}`;
  }

  /** Waits for so many requests, and gives them. */
  async take(count: number, giveUpMs?: number): Promise<readonly Received[]> {
    await until(`${count} requests`, () => this.received.length >= count, giveUpMs);
    return this.received;
  }

  /** Data of all deliveries in the format `standard`, in order. */
  get data(): readonly unknown[] {
    return this.received.map(({ body }) => (JSON.parse(body.toString()) as { data: unknown }).data);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
