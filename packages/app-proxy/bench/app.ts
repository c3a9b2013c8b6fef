import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** The app of the benchmark: the same small JSON for every request. */
const body = Buffer.from(JSON.stringify({ id: 42, pizza: "margherita", state: "baking", note: "x".repeat(100) }));
const headers = { "content-type": "application/json", "content-length": body.length, etag: '"v42"' };

const server = createServer((_request, response) => response.writeHead(200, headers).end(body));
server.listen(0, "127.0.0.1", () => {
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
