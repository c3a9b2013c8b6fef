import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** What an {@link AppServer} was asked. */
export interface Asked {
  readonly method: string;
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** An app on loopback whose answers a test decides on; it keeps what it was asked. */
export class AppServer {
  readonly asked: Asked[] = [];
  /** The status by path and query; `answer` goes before it. */
  readonly statuses: Map<string, number> = new Map();
  /** The status of all other paths. */
  status = 200;
  /** Answers instead. */
  answer: RequestListener | null = null;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.asked.push(toAsked(request));
      if (this.answer !== null) return this.answer(request, response);
      response.writeHead(this.statuses.get(request.url ?? "") ?? this.status, { "content-type": "text/plain" });
      return response.end("a body that nobody reads");
    });
  }

  static async start(): Promise<AppServer> {
    const app = new AppServer();
    await app.#listen(0);
    return app;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** How many connections it holds. */
  connections(): Promise<number> {
    return new Promise((resolve) => this.#server.getConnections((_, count) => resolve(count)));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #listen(port: number): Promise<void> {
    return new Promise((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
  }
}

function toAsked({ method = "", url = "", rawHeaders }: IncomingMessage): Asked {
  const headers: Record<string, string> = {};
  for (let index = 0; index < rawHeaders.length; index += 2) {
    headers[(rawHeaders[index] as string).toLowerCase()] = rawHeaders[index + 1] as string;
  }
  return { method, url, headers };
}
