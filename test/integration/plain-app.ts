import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";

/**
 * A plain app that knows nothing of the gateway: notes over REST, each seen by those with a session, with entity tags of
 * its own; a chat on a WebSocket. Its own process: it prints its port, and ends with its standard input.
 */
interface Note {
  readonly id: string;
  text: string;
}

const notes = new Map<string, Note>([["1", { id: "1", text: "first" }]]);
const requests: string[] = [];
const chat = new WebSocketServer({ noServer: true });

function answer(response: ServerResponse, status: number, body?: unknown, headers: Record<string, string> = {}): void {
  if (body === undefined) {
    response.writeHead(status, headers).end();
    return;
  }
  const text = JSON.stringify(body);
  const etag = `"${createHash("sha1").update(text).digest("hex").slice(0, 8)}"`;
  response.writeHead(status, { "content-type": "application/json", etag, ...headers }).end(text);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += String(chunk);
  return text;
}

/** `X-Answer` of a request puts headers into the answer: what an app may say of its event. */
function extra(request: IncomingMessage): Record<string, string> {
  return JSON.parse(String(request.headers["x-answer"] ?? "{}")) as Record<string, string>;
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = "", url = "" } = request;
  requests.push(`${method} ${url}`);
  const [path = ""] = url.split("?");
  if (path === "/requests") return answer(response, 200, requests.splice(0).slice(0, -1));
  if (!request.headers.cookie?.includes("session=")) return answer(response, 401, { error: "who are you?" });
  if (path === "/notes" && method === "GET") return answer(response, 200, [...notes.values()]);
  if (path === "/notes" && method === "POST") {
    const note = { id: String(notes.size + 1), text: await bodyOf(request) };
    notes.set(note.id, note);
    return answer(response, 201, note, extra(request));
  }
  const note = notes.get(/^\/notes\/(\w+)$/.exec(path)?.[1] ?? "");
  if (note === undefined) return answer(response, 404, { error: "no such note" });
  if (method === "PUT") {
    note.text = await bodyOf(request);
    return answer(response, 200, note, extra(request));
  }
  if (method === "DELETE") {
    notes.delete(note.id);
    return answer(response, 204);
  }
  const tag = createHash("sha1").update(JSON.stringify(note)).digest("hex").slice(0, 8);
  return request.headers["if-none-match"]?.includes(tag) === true ? answer(response, 304) : answer(response, 200, note);
}

const server = createServer((request, response) => void handle(request, response));
server.on("upgrade", (request, socket, head) => {
  chat.handleUpgrade(request, socket, head, (client) => {
    client.on("message", (data: Buffer) => client.send(`echo of ${data.toString()}`));
  });
});
server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
process.stdin.on("end", () => process.exit()).resume();
