import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { request } from "undici";
import { Inbox } from "../../support/inbox.ts";
import type { Connecting, Reader, ReaderOptions } from "./reader-driver.ts";

/**
 * A hook in strict order, registered by the operator, and its receiver: what other readers get on a connection of theirs
 * comes to this one by `POST`. Whether it may read is decided when it is registered, so that cases about a reader's own
 * credentials and connection mean nothing here.
 */
export const restHooks: Connecting = {
  settings: { transports: { "rest-hooks": { http: true, allow: ["127.0.0.0/8"] } } },
  connect: (options) => HookReader.start(options),
};

class HookReader implements Reader {
  readonly inbox = new Inbox();
  readonly #server: Server;
  readonly #adminUrl: string;
  #id = "";
  /** Answers that wait while the reader can't keep up. */
  #held: (() => void)[] | null = null;

  private constructor(adminUrl: string) {
    this.#adminUrl = adminUrl;
    this.#server = createServer((incoming, response) => this.#take(incoming, response));
  }

  static async start({ adminUrl = "", topics, types, after }: ReaderOptions): Promise<HookReader> {
    const reader = new HookReader(adminUrl);
    await new Promise<void>((resolve) => reader.#server.listen(0, "127.0.0.1", resolve));
    const { port } = reader.#server.address() as AddressInfo;
    const target = `http://127.0.0.1:${port}/`;
    const hook = await reader.#ask("POST", "/hooks", { url: target, topics, events: types, ordering: "hook" });
    reader.#id = String(hook["id"]);
    reader.inbox.cursor = String(hook["cursor"]);
    if (after !== undefined && after !== "latest")
      await reader.#ask("POST", `/hooks/${reader.#id}/replay`, { from: after });
    return reader;
  }

  pause(): void {
    this.#held ??= [];
  }

  resume(): void {
    for (const answer of this.#held?.splice(0) ?? []) answer();
    this.#held = null;
  }

  cut(): void {
    this.#server.closeAllConnections();
    this.inbox.ended({ how: "left", detail: "" });
  }

  async close(): Promise<void> {
    await request(`${this.#adminUrl}/hooks/${this.#id}`, { method: "DELETE" }).catch(() => undefined);
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(incoming: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const answer = (): void => void response.writeHead(204).end();
      if (incoming.method === "POST" && this.inbox.end === null) {
        this.inbox.events.push(Buffer.concat(chunks).toString());
        this.inbox.cursor = String(incoming.headers["sluice-cursor"]);
        this.inbox.changed();
      }
      if (this.#held === null) answer();
      else this.#held.push(answer);
    });
  }

  async #ask(method: "POST", path: string, body: unknown): Promise<Record<string, unknown>> {
    const headers = { "content-type": "application/json" };
    const response = await request(this.#adminUrl + path, { method, headers, body: JSON.stringify(body) });
    const text = await response.body.text();
    if (response.statusCode >= 300) throw new Error(`${path}: ${response.statusCode} ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  }
}
