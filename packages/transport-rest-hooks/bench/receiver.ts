// Targets in a process of their own, so that their work is not counted with the sender's: COUNT servers, each says its
// port. The first DEAD of them take requests and never answer; DRIP of them answer a byte at a time.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const [count = 1, dead = 0, drip = 0] = process.argv.slice(2).map(Number);
const ports: number[] = [];
for (let index = 0; index < count; index += 1) {
  const server = createServer((request, response) => {
    request.resume();
    if (index < dead) return;
    if (index < dead + drip) {
      response.writeHead(200);
      const timer = setInterval(() => response.write("."), 100);
      response.on("close", () => clearInterval(timer));
      return;
    }
    request.on("end", () => response.writeHead(200, { "content-length": "0" }).end());
  });
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ports.push((server.address() as AddressInfo).port);
}
process.send?.(ports);
