import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** How a {@link FickleProxy} treats a connection: passes it on, hangs up at once, or hangs up instead of answering. */
export type Mood = "pass" | "refuse" | "swallow-answer";

/** A TCP proxy in front of the gateway that can be away, or lose answers. */
export class FickleProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  mood: Mood;
  /** Connections that it has hung up on. */
  hangUps = 0;

  private constructor(target: string, mood: Mood) {
    const { hostname, port } = new URL(target);
    this.mood = mood;
    this.#server = createServer((client) => this.#serve(client, connect(Number(port), hostname)));
  }

  /** Listens on a port of its own, in front of the URL's host and port. */
  static async start(target: string, mood: Mood = "pass"): Promise<FickleProxy> {
    const proxy = new FickleProxy(target, mood);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, "close");
  }

  #serve(client: Socket, target: Socket): void {
    for (const socket of [client, target]) {
      this.#sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        client.destroy();
        target.destroy();
      });
    }
    if (this.mood === "refuse") return this.#hangUp(client);
    client.on("data", (bytes) => (this.mood === "refuse" ? this.#hangUp(client) : target.write(bytes)));
    target.on("data", (bytes) => (this.mood === "pass" ? client.write(bytes) : this.#hangUp(client)));
  }

  #hangUp(client: Socket): void {
    this.hangUps += 1;
    client.destroy();
  }
}
