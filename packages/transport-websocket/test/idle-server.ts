/** The server that `idle-memory.ts` measures: this transport, or a bare `@fastify/websocket` route. */
import fastifyWebsocket from "@fastify/websocket";
import { fastify as createFastify } from "fastify";
import { TestServer } from "./test-server.ts";

process.send?.(process.argv[2] === "plain" ? await plain() : (await TestServer.start()).port);
process.on("message", (message) => {
  if (message === "collect") globalThis.gc?.();
  process.send?.(process.memoryUsage().heapUsed);
});

async function plain(): Promise<number> {
  const fastify = createFastify();
  await fastify.register(fastifyWebsocket);
  fastify.get("/realtime/events", { websocket: true }, (socket) => socket.send("welcome"));
  await fastify.listen({ port: 0, host: "127.0.0.1" });
  const address = fastify.server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
