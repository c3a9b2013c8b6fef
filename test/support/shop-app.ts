import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * A plain app that knows nothing of the gateway: sessions, an API key, orders that belong to somebody. Its own process:
 * it prints its port, and ends with its standard input. Under `/control/` a test sees what it was asked, and sets how it
 * behaves.
 */
const ORDERS: Readonly<Record<string, string>> = { 1: "ann", 2: "bob", 3: "ann" };
const PUBLIC_ORDER = "open";
const API_KEY = "Bearer the-key-of-the-shop";

const sessions = new Map<string, string>();
let asked: object[] = [];
let manner = "well";

function answer(response: ServerResponse, status: number, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify({ status }));
}

function userOf({ headers }: IncomingMessage): string | undefined {
  if (headers.authorization === API_KEY) return "everybody";
  return sessions.get(/(?:^|; )session=([^;]*)/.exec(headers.cookie ?? "")?.[1] ?? "");
}

function order(request: IncomingMessage, response: ServerResponse, id: string): void {
  asked.push({ method: request.method, url: request.url, headers: request.headers });
  if (manner === "silent") return;
  if (manner === "broken") return answer(response, 500);
  if (manner === "gone") return void request.socket.destroy();
  if (id === PUBLIC_ORDER) return answer(response, 200);
  const user = userOf(request);
  if (user === undefined) return answer(response, 401, { "www-authenticate": "Basic" });
  const owner = ORDERS[id];
  if (owner === undefined) return answer(response, 404);
  return answer(response, user === owner || user === "everybody" ? 200 : 403);
}

function control(request: IncomingMessage, response: ServerResponse, [verb, word = ""]: readonly string[]): void {
  if (verb === "login") sessions.set(word, word.split("-")[0] ?? "");
  else if (verb === "logout") sessions.delete(word);
  else if (verb === "manner") manner = word;
  else if (verb === "asked") {
    response.end(JSON.stringify(asked));
    if (request.method === "DELETE") asked = [];
    return;
  }
  response.end("{}");
}

const server = createServer((request, response) => {
  const [, first, ...rest] = (request.url ?? "").split("/");
  if (first === "control") return control(request, response, rest);
  if (first === "orders" && rest.length === 1) return order(request, response, decodeURIComponent(rest[0] as string));
  asked.push({ method: request.method, url: request.url, headers: request.headers });
  // Pages of other kinds would tell an attacker who finds a way to ask for them.
  return answer(response, 200);
});

server.listen(0, "127.0.0.1", () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
process.stdin.on("end", () => process.exit()).resume();
