import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GatewayProcess } from "../support/gateway-process.ts";
import { until } from "../support/until.ts";

const HOOKS = 6;
/**
 * So large that the file and its write-ahead log, each of which may grow to 4 MB, are both full after 14 events at the
 * most: which of the two is full first depends on who was when at the file, and 20 failures would open the breaker.
 */
const EVENT_BYTES = 100_000;
/** For one event, on a machine that does other things too. */
const PATIENCE_MS = 60_000;

/** Each hook keeps a copy of what it could not deliver: so the hooks' file is full long before the log is. */
describe("a disk on which the hooks' results have no room", () => {
  let gateway: GatewayProcess | undefined;
  let server: Server;
  let status = 500;
  /** Hook and topic of what was tried, and of what was taken. */
  const tried = new Set<string>();
  const delivered = new Set<string>();

  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on("end", () => {
        const which = `${request.url} ${(JSON.parse(body) as { topic: string }).topic}`;
        tried.add(which);
        if (status === 200) delivered.add(which);
        response.writeHead(status).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(async () => {
    await gateway?.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test.skipIf(process.platform === "win32")(
    "deliveries wait, publishing goes on, and with space again all is delivered (ulimit is a Unix shell's)",
    async () => {
      // No file may grow beyond 4 MB. What has failed waits: tries again, on a slow machine, would open the breaker.
      const hooks = { http: true, allow: ["127.0.0.0/8"], schedule: ["0s", "1h"] };
      gateway = await GatewayProcess.start({ transports: { "rest-hooks": hooks } }, "ulimit -f 8192;");
      const { port } = server.address() as AddressInfo;
      const ids: string[] = [];
      for (let index = 0; index < HOOKS; index += 1) {
        const made = await fetch(`${gateway.adminUrl}/hooks`, {
          method: "POST",
          body: JSON.stringify({ url: `http://127.0.0.1:${port}/${index}`, topic: "t/*" }),
        });
        expect(made.status).toBe(201);
        ids.push(((await made.json()) as { readonly id: string }).id);
      }
      const data = "x".repeat(EVENT_BYTES);
      let events = 0;
      const isFull = (): boolean => gateway?.output.includes("results of hooks can't be stored") === true;
      while (!isFull()) {
        await gateway.publisher.publish({ topic: `t/${events}`, data });
        events += 1;
        // Not faster than the hooks: the log would be full before.
        await until("all hooks to have tried it", () => isFull() || tried.size === events * HOOKS, PATIENCE_MS);
      }
      expect(events).toBeGreaterThan(4);
      // What can't be recorded is not begun; the log has room for it.
      await gateway.publisher.publish({ topic: `t/${events}`, data: "one more" });
      events += 1;
      expect(gateway.isRunning).toBe(true);
      await gateway.kill("SIGKILL");
      status = 200;
      await gateway.launch();
      for (const id of ids) {
        const asked = await fetch(`${gateway.adminUrl}/hooks/${id}/retry`, { method: "POST" });
        expect(asked.status).toBe(202);
      }
      await until("all of them", () => delivered.size === events * HOOKS, PATIENCE_MS);
    },
    2 * PATIENCE_MS,
  );
});
