import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** A TCP proxy that can stop forwarding without closing anything: what a client looks like that vanished. */
export class FreezingProxy {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Listens in front of the URL's host and port. */
  static start(url: string): Promise<FreezingProxy> {
    const { hostname, port } = new URL(url);
    const sockets = new Set<Socket>();
    const server = createServer((client) => {
      const target = connect(Number(port), hostname);
      for (const [from, to] of [
        [client, target],
        [target, client],
      ] as const) {
        sockets.add(from);
        from.on("error", () => undefined);
        from.on("data", (bytes) => to.write(bytes));
        from.on("close", () => {
          sockets.delete(from);
          to.destroy();
        });
      }
    });
    return new Promise((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve(new FreezingProxy(server, sockets)));
    });
  }

  /** From now on nothing goes through, in either direction, and neither side is told. */
  freeze(): void {
    for (const socket of this.#sockets) {
      socket.removeAllListeners("data");
      socket.pause();
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
