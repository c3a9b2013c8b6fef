import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { JWK } from "jose";

/** A key server on loopback whose keys and manners a test can change. */
export class JwksServer {
  keys: readonly JWK[];
  /** How often it was asked. */
  asked = 0;
  /** Answers instead of the keys. */
  answer: RequestListener | null = null;
  readonly #server: Server;

  private constructor(keys: readonly JWK[]) {
    this.keys = keys;
    this.#server = createServer((request, response) => {
      this.asked += 1;
      if (this.answer === null) {
        response.writeHead(200, { "content-type": "application/jwk-set+json" });
        response.end(JSON.stringify({ keys: this.keys }));
      } else {
        this.answer(request, response);
      }
    });
  }

  static async start(keys: readonly JWK[]): Promise<JwksServer> {
    const server = new JwksServer(keys);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/keys.json`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
