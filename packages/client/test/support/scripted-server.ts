import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Answers one request. */
export type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** A server that answers each request as the test has written it down, the last answer again and again. */
export class ScriptedServer {
  readonly url: string;
  readonly requests: IncomingMessage[] = [];
  readonly #server: Server;

  private constructor(server: Server, answers: readonly Answer[]) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      const answer = answers[Math.min(this.requests.length, answers.length - 1)] as Answer;
      this.requests.push(request);
      answer(response, request);
    });
  }

  static start(...answers: readonly Answer[]): Promise<ScriptedServer> {
    const server = createServer();
    return new Promise((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve(new ScriptedServer(server, answers)));
    });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A refusal as the gateway tells it. */
export function problem(status: number, code: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return (response) =>
    response
      .writeHead(status, { "content-type": "application/problem+json", ...headers })
      .end(JSON.stringify({ status, code, detail: `That is ${code}.` }));
}

/** An empty page. */
export function page(cursor: string): Answer {
  return (response) =>
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ events: [], cursor }));
}

/** The beginning of a stream, which then stays open. */
export function stream(text: string): Answer {
  return (response) => response.writeHead(200, { "content-type": "text/event-stream" }).write(text);
}
