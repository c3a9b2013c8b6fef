import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** A TCP proxy that breaks everything off when it is told to, and takes nobody until it is told to again. */
export class CuttingProxy {
  /** Of the proxy's own listener, on 127.0.0.1. */
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (client) => this.#greet(client, target));
  }

  /** Listens in front of a port of loopback. */
  static start(target: number): Promise<CuttingProxy> {
    const server = createServer({ noDelay: true });
    return new Promise((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve(new CuttingProxy(server, target)));
    });
  }

  /** Breaks off all connections, without a goodbye in either direction; how many clients that were. */
  cut(): number {
    const count = this.#sockets.size / 2;
    this.#isCut = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
    return count;
  }

  /** Takes clients again. */
  heal(): void {
    this.#isCut = false;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #greet(client: Socket, port: number): void {
    if (this.#isCut) return void client.resetAndDestroy();
    const target = connect({ port, host: "127.0.0.1", noDelay: true });
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#sockets.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }
}
