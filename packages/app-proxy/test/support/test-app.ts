import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer, type Socket } from "node:net";
import { once } from "node:events";
import { RawSocket } from "./raw-socket.ts";
import { until } from "./until.ts";

/** A request as the app saw it. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly rawHeaders: readonly string[];
}

/** An app on Node's own server, scripted by a handler. */
export class TestApp {
  readonly server: Server;
  readonly seen: Seen[] = [];
  readonly sockets: Set<Socket> = new Set();
  handler: RequestListener = (_request, response) => response.end("hello");

  private constructor() {
    this.server = createServer({ keepAlive: true }, (request, response) => {
      this.note(request);
      this.handler(request, response);
    });
    this.server.on("connection", (socket: Socket) => {
      this.sockets.add(socket);
      socket.once("close", () => this.sockets.delete(socket));
    });
  }

  static async start(handler?: RequestListener): Promise<TestApp> {
    const app = new TestApp();
    if (handler !== undefined) app.handler = handler;
    app.server.listen(0, "127.0.0.1");
    await once(app.server, "listening");
    return app;
  }

  note(request: IncomingMessage): void {
    const { method = "", url = "", headers, rawHeaders } = request;
    this.seen.push({ method, url, headers, rawHeaders });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    for (const socket of this.sockets) socket.destroy();
    await until("the app's end", () => this.sockets.size === 0);
  }
}

/** An app that is no more than a TCP port: the test says every byte. */
export class RawApp {
  readonly server: TcpServer;
  readonly connections: RawSocket[] = [];

  private constructor() {
    this.server = createTcpServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.connections.push(new RawSocket(socket));
    });
  }

  static async start(): Promise<RawApp> {
    const app = new RawApp();
    app.server.listen(0, "127.0.0.1");
    await once(app.server, "listening");
    return app;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The connection with that number, when it is there. */
  connection(number = 0): Promise<RawSocket> {
    return until(`connection ${number}`, () => this.connections[number]);
  }

  async close(): Promise<void> {
    this.server.close();
    for (const { socket } of this.connections) socket.destroy();
  }
}
