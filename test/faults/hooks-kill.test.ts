import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { GatewayProcess } from "../support/gateway-process.ts";
import { until } from "../support/until.ts";

interface Delivery {
  readonly id: string;
  readonly topic: string;
  readonly data: number;
}

const TOPICS = 7;
const PER_LIFE = 300;

/** Between a 2xx and its record, and anywhere else: a kill doubles deliveries, with the same ids, and does nothing worse. */
describe("kill -9 of a gateway that delivers", () => {
  let gateway: GatewayProcess;
  let server: Server;
  const received: Delivery[] = [];
  let answered = 0;

  beforeEach(async () => {
    server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on("end", () => {
        const { topic, data } = JSON.parse(body) as Delivery;
        const id = String(request.headers["webhook-id"]);
        // One in eleven fails the first time, so that lanes are held when the process dies.
        const isRefused = request.headers["sluice-attempt"] === "1" && data % 11 === 0;
        if (!isRefused) received.push({ id, topic, data });
        answered += 1;
        response.writeHead(isRefused ? 503 : 200).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    gateway = await GatewayProcess.start({
      transports: {
        "rest-hooks": { http: true, allow: ["127.0.0.0/8"], schedule: ["0s", "20ms", "20ms", "20ms", "20ms"] },
      },
    });
  });
  afterEach(async () => {
    await gateway.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test("nothing is lost, the order of each topic is kept, and doubles have the same id", async () => {
    const { port } = server.address() as AddressInfo;
    const made = await fetch(`${gateway.adminUrl}/hooks`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ url: `http://127.0.0.1:${port}/`, topic: "storm/*" }),
    });
    expect(made.status).toBe(201);
    const acknowledged = new Map<number, string>();
    let next = 0;
    const over = new AbortController();
    const publishing = (async () => {
      for (; !over.signal.aborted; next += 1) {
        const id = `e${next}`;
        const event = { topic: `storm/${next % TOPICS}`, id, data: next };
        // The same id again after a kill: whether the first one was kept is not known.
        await until("a publication", async () => {
          if (over.signal.aborted) return true;
          await gateway.publisher.publish(event);
          acknowledged.set(next, id);
          return true;
        });
      }
    })();
    for (let life = 0; life < 3; life += 1) {
      const goal = answered + PER_LIFE;
      await until("deliveries", () => answered >= goal);
      await gateway.kill("SIGKILL");
      await gateway.launch();
    }
    const goal = answered + PER_LIFE;
    await until("deliveries after the last kill", () => answered >= goal);
    over.abort();
    await publishing;
    await until("all that was acknowledged", () => {
      const there = new Set(received.map(({ data }) => data));
      return [...acknowledged.keys()].every((data) => there.has(data));
    });
    const ids = new Map<number, Set<string>>();
    const firsts = new Map<string, number[]>();
    for (const { id, topic, data } of received) {
      const known = ids.get(data);
      if (known === undefined) {
        ids.set(data, new Set([id]));
        firsts.set(topic, [...(firsts.get(topic) ?? []), data]);
      } else known.add(id);
    }
    for (const known of ids.values()) expect(known.size).toBe(1);
    expect(firsts.size).toBe(TOPICS);
    for (const order of firsts.values()) expect(order).toEqual(order.toSorted((a, b) => a - b));
  });
});
