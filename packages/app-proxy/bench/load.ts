import { connect } from "node:net";

/** Sends one GET after the other on each of some connections, with as little work of its own as can be. */
const [, , url = "", connections = "1", ms = "1000"] = process.argv;
const request = Buffer.from(
  "GET /orders/42 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: load\r\nAccept: application/json\r\nCookie: sid=abcdefghijk\r\n\r\n",
);
const { hostname, port } = new URL(url);
let requests = 0;
let isOver = false;

for (let index = 0; index < Number(connections); index += 1) {
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  let text = "";
  socket.on("connect", () => socket.write(request));
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
    const end = text.indexOf("\r\n\r\n");
    const [, length] = /content-length: (\d+)/i.exec(text) ?? [];
    if (end < 0 || text.length < end + 4 + Number(length)) return;
    text = "";
    requests += 1;
    if (!isOver) socket.write(request);
  });
}
const startedAtMs = performance.now();
setTimeout(() => {
  isOver = true;
  process.send?.({ requests, ms: performance.now() - startedAtMs }, () => process.exit());
}, Number(ms));
