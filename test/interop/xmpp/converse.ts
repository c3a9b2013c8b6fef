import { createReadStream, existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { until } from "../../support/until.ts";
import type { Chromium } from "../../client/support/chromium.ts";
import { boshUrl, dataIn, DOMAIN, PASSWORD, websocketUrl, type Place, type StockClient } from "./stock-client.ts";

const PACKAGE = fileURLToPath(new URL("../../node_modules/converse.js", import.meta.url));
const PAGE = fileURLToPath(new URL("converse-page.html", import.meta.url));
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".css": "text/css",
  ".js": "text/javascript",
  ".json": "application/json",
};

/** A web site with Converse.js on its one page: an app for a gateway to be in front of. */
export class ConverseSite {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static start(): Promise<ConverseSite> {
    const server = createServer(({ url = "/" }, response) => {
      const path = new URL(url, "http://site").pathname;
      const file = path === "/" ? PAGE : join(PACKAGE, normalize(path));
      const type = TYPES[extname(file)] ?? "application/octet-stream";
      if (existsSync(file)) createReadStream(file).pipe(response.writeHead(200, { "content-type": type }));
      else response.writeHead(404).end();
    });
    return new Promise((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve(new ConverseSite(server)));
    });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Converse.js on a page of Chromium, which comes back by itself. */
export class ConverseClient implements StockClient {
  readonly data: unknown[] = [];
  readonly #chromium: Chromium;
  readonly #place: Place;
  readonly #query: URLSearchParams;
  #page: Page | null = null;
  #state = "";

  constructor(chromium: Chromium, place: Place, node: string, binding: "websocket" | "bosh") {
    this.#chromium = chromium;
    this.#place = place;
    const url = binding === "websocket" ? websocketUrl(place) : boshUrl(place);
    const login = { jid: `converse@${DOMAIN}/${binding}`, password: PASSWORD };
    this.#query = new URLSearchParams({ ...login, node, [binding]: url });
  }

  async start(): Promise<void> {
    const page = await this.#chromium.context.newPage();
    this.#page = page;
    await page.exposeFunction("told", (what: string, text: string) => {
      if (what === "event") this.data.push(dataIn(text));
      else this.#state = text;
    });
    // It would ask a public list of servers and chat rooms, and avatars.
    await page.route(
      ({ hostname }) => hostname !== "127.0.0.1",
      (route) => route.abort(),
    );
    await page.goto(`${this.#place.url}/?${this.#query.toString()}`);
    await until("the subscription", () => this.#state === "ready");
  }

  async comeBack(): Promise<void> {
    // By BOSH it repeats its requests, and nobody is told of anything.
    if (this.#query.has("websocket")) await until("the way back", () => this.#state === "back");
  }

  async stop(): Promise<void> {
    await this.#page?.close();
  }
}
