// What the `ws` package can do at best: a frame made once and written to each socket. No log, no cursor, nothing durable.
import { createServer } from "node:http";
import type { Socket } from "node:net";
import { WebSocketServer } from "ws";

const topics = new Map<string, Set<Socket>>();
const readers = new WebSocketServer({ noServer: true, perMessageDeflate: false, clientTracking: false });

/** A text frame (RFC 6455 §5.2) of less than 64 KiB. */
function frame(payload: Buffer): Buffer {
  const { length } = payload;
  const header = length < 126 ? Buffer.from([0x81, length]) : Buffer.from([0x81, 126, length >> 8, length & 255]);
  return Buffer.concat([header, payload]);
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const bytes = frame(Buffer.concat(chunks));
    // The generator reads on, and what it does not read in time is counted by it.
    for (const socket of topics.get(request.url?.slice("/pub/".length) ?? "") ?? []) socket.write(bytes);
    response.writeHead(204).end();
  });
});

server.on("upgrade", (request, socket: Socket, head) => {
  readers.handleUpgrade(request, socket, head, (reader) => {
    const topic = request.url?.slice("/ws/".length) ?? "";
    const sockets = topics.get(topic) ?? new Set<Socket>();
    topics.set(topic, sockets);
    sockets.add(socket);
    reader.on("close", () => sockets.delete(socket));
    reader.on("error", () => reader.terminate());
  });
});
server.listen(Number(process.argv[2]), "127.0.0.1", 4096);
