import httpProxy from "@fastify/http-proxy";
import { Bus, MemoryLog, silentMeter } from "@sluice/core";
import { createHttpServer } from "@sluice/http";
import { fastify, type FastifyInstance } from "fastify";
import { createAppProxy, ResourceTable } from "../src/index.ts";

/** One of the proxies of the benchmark. */
const [, , kind = "", url = ""] = process.argv;

function reference(): FastifyInstance {
  const server = fastify({ logger: false });
  void server.register(httpProxy, { upstream: url });
  return server;
}

function ours(): FastifyInstance {
  const silent = (): void => undefined;
  const logger = { debug: silent, info: silent, warn: silent, error: silent };
  const retention = { ageMs: 3_600_000, events: 1000, bytes: 1_000_000 };
  const bus = new Bus({ log: new MemoryLog({ retention, deduplicationMs: 0 }) });
  const path = kind === "app-proxy" ? "/books/:id" : "/orders/:id";
  const table = new ResourceTable([
    { path, topic: path.slice(1), changes: ["PUT"], hasPollCache: false, query: "ignore" },
  ]);
  const proxy = createAppProxy({
    app: { url, timeoutMs: 30_000, host: "keep" },
    prefix: "/realtime",
    trustProxy: [],
    rules: () => table,
    eventBytes: () => 262_144,
    bus,
    meter: silentMeter,
    logger,
  });
  const server = createHttpServer({ headerBytes: 16_384, headTimeoutMs: 10_000, trustProxy: [], logger });
  void server.register(proxy.plugin);
  return server;
}

const server = kind === "http-proxy" ? reference() : ours();
process.send?.(await server.listen({ port: 0, host: "127.0.0.1" }));

let last = process.cpuUsage();
process.on("message", () => {
  const used = process.cpuUsage(last);
  last = process.cpuUsage();
  process.send?.(used.user + used.system);
});
