/**
 * Resident memory of the server process per idle connection.
 *
 *     node packages/transport-websocket/bench/idle-memory.ts [connections] [plain|sluice]
 *
 * A server of its own process (`plain`: a bare `@fastify/websocket` route), raw sockets as clients; RSS is read from
 * `/proc` after the collector has run.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";

const [count = "10000", mode = "sluice"] = process.argv.slice(2);

const child = fork(new URL("idle-server.ts", import.meta.url), [mode], { execArgv: ["--expose-gc", ...(process.env["NODE_FLAGS"] ?? "").split(" ").filter(Boolean)] });
const port = await answer<number>(child);
const before = await settle(child);
const sockets: Socket[] = [];
for (let made = 0; made < Number(count); made += 100) {
  sockets.push(...(await Promise.all(Array.from({ length: 100 }, () => upgrade(port)))));
}
const after = await settle(child);
const perConnection = ((after.rss - before.rss) * 1024) / sockets.length;
const heap = (after.heap - before.heap) / sockets.length;
process.stdout.write(
  `${mode}: ${sockets.length} connections, ${(perConnection / 1024).toFixed(2)} KiB RSS each, ` +
    `of which heap ${(heap / 1024).toFixed(2)} KiB (RSS ${before.rss} -> ${after.rss} KiB)\n`,
);
child.kill();
for (const socket of sockets) socket.destroy();

async function upgrade(to: number): Promise<Socket> {
  const socket = connect(to, "127.0.0.1");
  socket.write(
    "GET /events?topic=public/t HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: idle-memory\r\nOrigin: http://127.0.0.1\r\n" +
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  await once(socket, "data");
  return socket;
}

async function settle(server: ChildProcess): Promise<{ rss: number; heap: number }> {
  server.send("collect");
  const heap = await answer<number>(server);
  const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1];
  return { rss: Number(rss), heap };
}

async function answer<T>(server: ChildProcess): Promise<T> {
  const [message] = (await once(server, "message")) as [T];
  return message;
}
