/**
 * Resident memory of the server process per idle connection.
 *
 *     node packages/transport-websocket/test/idle-memory.ts [connections] [sluice|plain] [flags of the server's Node …]
 *
 * The server is a process of its own, the clients are raw sockets. Told are RSS as it is, and the heap after a
 * collection.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";

const AT_ONCE = 100;
const HANDSHAKE = [
  "GET /realtime/events?topic=public/t HTTP/1.1",
  "Host: 127.0.0.1",
  "User-Agent: idle-memory",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "\r\n",
].join("\r\n");

const [count = "10000", mode = "sluice", ...flags] = process.argv.slice(2);
const child = fork(new URL("idle-server.ts", import.meta.url), [mode], { execArgv: ["--expose-gc", ...flags] });
const [port] = (await once(child, "message")) as [number];

const heapBefore = await heapOf("collect");
const rssBefore = rssOf(child);
const sockets: Socket[] = [];
while (sockets.length < Number(count)) {
  sockets.push(...(await Promise.all(Array.from({ length: AT_ONCE }, () => upgrade(port)))));
}
await heapOf("look");
const rss = (rssOf(child) - rssBefore) / sockets.length;
const heap = ((await heapOf("collect")) - heapBefore) / 1024 / sockets.length;
process.stdout.write(`${mode} ${flags.join(" ")}: ${rss.toFixed(2)} KiB RSS, ${heap.toFixed(2)} KiB heap for each\n`);
child.kill();
for (const socket of sockets) socket.destroy();

async function upgrade(to: number): Promise<Socket> {
  const socket = connect(to, "127.0.0.1");
  socket.write(HANDSHAKE);
  await once(socket, "data");
  return socket;
}

async function heapOf(message: "collect" | "look"): Promise<number> {
  child.send(message);
  const [heapUsed] = (await once(child, "message")) as [number];
  return heapUsed;
}

/** KiB. */
function rssOf({ pid }: ChildProcess): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}
