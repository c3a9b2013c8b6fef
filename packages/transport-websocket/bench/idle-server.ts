/** The server that `idle-memory.ts` measures. */
import { setTimeout as sleep } from "node:timers/promises";
import fastifyWebsocket from "@fastify/websocket";
import Fastify from "fastify";
import { TestServer } from "../test/test-server.ts";

process.send?.(process.argv[2] === "plain" ? await plain() : (await TestServer.start()).port);
process.on("message", () => {
  void collect().then((heap) => process.send?.(heap));
});

async function plain(): Promise<number> {
  const fastify = Fastify();
  await fastify.register(fastifyWebsocket);
  fastify.get("/events", { websocket: true }, (socket) => socket.send("welcome"));
  await fastify.listen({ port: 0, host: "127.0.0.1" });
  const address = fastify.server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function collect(): Promise<number> {
  for (let round = 0; round < 5; round += 1) {
    if (!process.env["NO_GC"]) globalThis.gc?.();
    await sleep(1000);
  }
  if (process.env["DETAIL"]) console.error(process.memoryUsage(), (await import("node:v8")).getHeapSpaceStatistics().map(s=>[s.space_name,s.space_size,s.space_used_size].join(" ")).join("\n"));
  return process.memoryUsage().heapUsed;
}
