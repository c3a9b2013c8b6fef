import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { request } from "undici";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { GatewayProcess } from "../support/gateway-process.ts";

interface Told {
  readonly type: string;
  readonly data: unknown;
}

let app: Server;
let gateway: GatewayProcess;
/** What the app does when it has made a change and before it answers. */
let beforeAnswer: () => Promise<unknown> = async () => undefined;
let status = "placed";

beforeEach(async () => {
  status = "placed";
  app = createServer(({ method }, outgoing) => {
    if (method === "PUT") status = "ready";
    const made = method === "PUT" ? beforeAnswer() : Promise.resolve();
    const json = { "content-type": "application/json" };
    void made.then(() => outgoing.writeHead(200, json).end(JSON.stringify({ status })));
  }).listen(0, "127.0.0.1");
  await once(app, "listening");
  const { port } = app.address() as AddressInfo;
  gateway = await GatewayProcess.start({ app: `http://127.0.0.1:${port}`, resources: ["/orders/:id"] });
});

afterEach(async () => {
  await gateway.close();
  app.closeAllConnections();
  app.close();
});

async function put(): Promise<number> {
  const { statusCode, body } = await request(`${gateway.url}/orders/42`, { method: "PUT" });
  await body.dump();
  return statusCode;
}

async function get<Answer>(path: string): Promise<Answer> {
  const { body } = await request(`${gateway.url}${path}`);
  return (await body.json()) as Answer;
}

async function told(): Promise<readonly Told[]> {
  const page = await get<{ readonly events: readonly Told[] }>("/realtime/events?topic=orders/42&after=earliest");
  return page.events.map(({ type, data }) => ({ type, data }));
}

describe("the gateway dies when the app has made a change, and before it is in the log", () => {
  beforeEach(async () => {
    beforeAnswer = () => gateway.kill("SIGKILL");
    await expect(put()).rejects.toThrow(/closed|reset|refused/i);
    beforeAnswer = async () => undefined;
    await gateway.launch();
  });

  test("the change is made and nobody is told: who reads the resource sees it", async () => {
    expect(await told()).toEqual([]);
    expect(await get("/orders/42")).toEqual({ status: "ready" });
    const page = await get<{ readonly events: readonly Told[] }>("/realtime/events?topic=orders/42&snapshot=1");
    expect(page.events).toMatchObject([{ type: "snapshot", data: { status: "ready" } }]);
  });

  test("the client, which has no answer, repeats its request: then all are told", async () => {
    expect(await put()).toBe(200);
    expect(await told()).toEqual([{ type: "updated", data: { status: "ready" } }]);
  });
});

test("the gateway dies right after the client has its answer: all are told", async () => {
  expect(await put()).toBe(200);
  await gateway.kill("SIGKILL");
  await gateway.launch();
  expect(await told()).toEqual([{ type: "updated", data: { status: "ready" } }]);
});

test("an app that publishes from an outbox, with ids of its own, is told once however often it repeats", async () => {
  const event = { id: "order-42-2", topic: "orders/42", type: "order.ready", data: { status: "ready" } };
  await gateway.publisher.publish(event);
  await gateway.kill("SIGKILL");
  await gateway.launch();
  await gateway.publisher.publish(event);
  expect(await told()).toEqual([{ type: "order.ready", data: { status: "ready" } }]);
});
