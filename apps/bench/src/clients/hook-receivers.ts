import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { take, type ClientHost } from "./client.ts";

const OK = Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
const HEAD_END = Buffer.from("\r\n\r\n");
const NOTHING: Buffer = Buffer.alloc(0);

/** What hooks are sent to: servers on ports of their own that answer 200 to everything. */
export class HookReceivers {
  readonly #host: ClientHost;
  readonly #count: number;
  readonly #sockets = new Set<Socket>();
  #servers: Server[] = [];
  #ports: readonly number[] = [];
  #listening: Promise<void> | null = null;

  constructor(host: ClientHost, count: number) {
    this.#host = host;
    this.#count = count;
  }

  /** Opens the ports, the same ones each time. */
  listen(): Promise<void> {
    this.#listening ??= this.#listen();
    return this.#listening;
  }

  /** Where a client's hook is to be sent. */
  urlOf(client: number): string {
    return `http://127.0.0.1:${this.#ports[client % this.#count] ?? 0}/h/${client}`;
  }

  /** Closes the ports and all connections. */
  cut(): void {
    this.#listening = null;
    for (const server of this.#servers.splice(0)) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #listen(): Promise<void> {
    this.#servers = Array.from({ length: this.#count }, (_, index) =>
      createServer({ noDelay: true }, (socket) => this.#accept(socket)).listen(this.#ports[index] ?? 0, "127.0.0.1"),
    );
    await Promise.all(this.#servers.map((server) => once(server, "listening")));
    this.#ports = this.#servers.map((server) => (server.address() as AddressInfo).port);
  }

  #accept(socket: Socket): void {
    this.#host.wire.adopt(socket);
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    let rest = NOTHING;
    socket.on("data", (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      for (let end = requestEnd(rest); end > 0; end = requestEnd(rest)) {
        this.#received(rest, end);
        socket.write(OK);
        rest = end === rest.length ? NOTHING : rest.subarray(end);
      }
    });
  }

  #received(bytes: Buffer, end: number): void {
    const { wire } = this.#host;
    wire.requests += 1;
    const client = Number(/^\S+ \/h\/(\d+)/.exec(bytes.toString("latin1", 0, 64))?.[1] ?? Number.NaN);
    if (Number.isNaN(client) || take(this.#host, client, bytes, 0, end) === 0) wire.wasted += 1;
  }
}

/** Where the first request ends; 0 if it is not all there. */
function requestEnd(bytes: Buffer): number {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd < 0) return 0;
  const length = /content-length: *(\d+)/i.exec(bytes.toString("latin1", 0, headEnd))?.[1] ?? "0";
  const end = headEnd + HEAD_END.length + Number(length);
  return bytes.length < end ? 0 : end;
}
