// The `ws` package as its documentation shows it: a send to each reader. No log, no cursor, nothing durable.
import { WebSocketServer, type WebSocket } from "ws";
import { publicationServer } from "./publications.ts";

const topics = new Map<string, Set<WebSocket>>();
const server = publicationServer((topic, body) => {
  for (const reader of topics.get(topic) ?? []) reader.send(body);
});

new WebSocketServer({ server, perMessageDeflate: false }).on("connection", (reader, request) => {
  const topic = (request.url ?? "").slice("/ws/".length);
  const readers = topics.get(topic) ?? new Set<WebSocket>();
  topics.set(topic, readers.add(reader));
  reader.on("close", () => readers.delete(reader));
  reader.on("error", () => reader.terminate());
});
server.listen(Number(process.argv[2]), "127.0.0.1", 4096);
