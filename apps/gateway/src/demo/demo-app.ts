import type { ResourceRule } from "@sluice/app-proxy";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { AppConfig } from "../config/config.ts";
import { PAGE } from "./page.ts";

/** A note of the demo. */
interface Note {
  readonly id: string;
  readonly text: string;
}

const BODY_BYTES = 4096;
const MOST_NOTES = 200;
const NOTE = /^\/notes\/(\d{1,9})$/;

/** What of the demo can be watched. */
export const DEMO_RESOURCES: readonly ResourceRule[] = ["notes", "notes/:id"].map((topic) => ({
  path: `/${topic}`,
  topic,
  changes: ["POST", "PUT", "PATCH", "DELETE"],
  hasPollCache: false,
  query: "ignore",
}));

/**
 * A plain web app to stand in front of when there is none: notes in memory, and a page that shows them. It knows
 * nothing of the gateway.
 *
 * `GET /` · `GET /notes` · `POST /notes` (`text`, as a form or as JSON) · `GET /notes/:id` · `DELETE /notes/:id`
 */
export class DemoApp {
  readonly #notes = new Map<string, Note>();
  readonly #server: Server;
  #lastId = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => send(response, 400, { error: "The body can't be read." }));
    });
  }

  /** Listens on a free port of loopback. */
  static async start(): Promise<DemoApp> {
    const app = new DemoApp();
    app.#server.listen(0, "127.0.0.1");
    await once(app.#server, "listening");
    return app;
  }

  /** As the gateway's configuration has it. */
  get config(): AppConfig {
    const { port } = this.#server.address() as AddressInfo;
    return { url: `http://127.0.0.1:${port}`, timeoutMs: 30_000, host: "keep" };
  }

  /** Stops listening, and ends what is still connected. */
  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "/" } = request;
    const path = url.split("?", 1)[0] ?? "/";
    const isGet = method === "GET" || method === "HEAD";
    const id = NOTE.exec(path)?.[1];
    if (isGet && path === "/") response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(PAGE);
    else if (isGet && path === "/notes") send(response, 200, { notes: [...this.#notes.values()] });
    else if (method === "POST" && path === "/notes") this.#add(await textOf(request), response);
    else if (id !== undefined && (isGet || method === "DELETE")) this.#one(id, method, response);
    else send(response, 404, { error: "There is no such page in the demo. Try /, /notes or /notes/1." });
  }

  #add(text: string, response: ServerResponse): void {
    if (text === "") return send(response, 422, { error: "A note needs a text." });
    this.#lastId += 1;
    const note = { id: String(this.#lastId), text };
    this.#notes.set(note.id, note);
    for (const oldest of this.#notes.keys()) {
      if (this.#notes.size <= MOST_NOTES) break;
      this.#notes.delete(oldest);
    }
    response.setHeader("location", `/notes/${note.id}`);
    send(response, 201, note);
  }

  #one(id: string, method: string, response: ServerResponse): void {
    const note = this.#notes.get(id);
    if (note === undefined) return send(response, 404, { error: "There is no such note." });
    if (method === "DELETE") this.#notes.delete(id);
    send(response, 200, note);
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

/** The member `text` of a body that is a form or JSON; empty if there is none. */
async function textOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) {
    body += String(chunk);
    if (body.length > BODY_BYTES) throw new Error("too large");
  }
  if (request.headers["content-type"]?.includes("json") !== true) return new URLSearchParams(body).get("text") ?? "";
  const value: unknown = JSON.parse(body);
  const text = typeof value === "object" && value !== null && "text" in value ? value.text : "";
  return typeof text === "string" ? text : "";
}
