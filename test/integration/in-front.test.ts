import { once } from "node:events";
import { EventSource } from "eventsource";
import { request } from "undici";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { loadConfig } from "../../apps/gateway/src/config/load-config.ts";
import { drivers } from "../conformance/drivers/index.ts";
import { useOwnGateways, useReaders } from "../conformance/use.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { answerOf, type Answer } from "../support/publisher.ts";
import { mergeSettings, type Settings } from "../support/settings.ts";
import { TestGateway } from "../support/test-gateway.ts";
import { until } from "../support/until.ts";
import { PlainAppProcess } from "./plain-app-process.ts";

const ANN = { cookie: "session=ann" };

let app: PlainAppProcess;
const own = useOwnGateways();
const keep = useReaders();

beforeAll(async () => {
  app = await PlainAppProcess.start();
});

afterAll(() => app.stop());

beforeEach(async () => {
  await app.requests();
});

function settings(more: Settings = {}): Settings {
  const base: Settings = {
    app: { url: app.url },
    resources: ["/notes", { path: "/notes/:id", poll_cache: true }],
    access: { public: [], app: {} },
  };
  return mergeSettings(base, more);
}

function start(more: Settings = {}): Promise<TestGateway> {
  return own(TestGateway.start(settings(more)));
}

interface Sent {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

async function send(url: string, { method = "GET", headers = {}, body }: Sent = {}): Promise<Answer> {
  return answerOf(await request(url, { method, headers: { ...ANN, ...headers }, ...(body !== undefined && { body }) }));
}

/** Topic, type and data of what the log holds behind a cursor, as a reader with the app's session sees it. */
async function changesBehind(
  gateway: { readonly url: string },
  topic: string,
  after: string,
): Promise<readonly object[]> {
  const answer = await send(`${gateway.url}/realtime/events?topic=${topic}&after=${after}`);
  const events = answer.json()["events"] as readonly Record<string, unknown>[];
  return events.map(({ topic: told, type, data }) => ({ topic: told, type, data }));
}

describe("everything that is not under the prefix is the app's", () => {
  test("its pages, its refusals, its WebSockets", async () => {
    const gateway = await start();
    expect((await send(`${gateway.url}/notes`)).json()).toMatchObject([{ id: "1" }]);
    expect(await send(`${gateway.url}/nowhere%2F..//x`)).toMatchObject({ status: 404 });
    expect(await app.requests()).toEqual(["GET /notes", "GET /nowhere%2F..//x"]);
    expect((await answerOf(await request(`${gateway.url}/notes`))).status).toBe(401);
    const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/chat`);
    await once(socket, "open");
    socket.send("hello");
    const [data] = (await once(socket, "message")) as [Buffer];
    expect(data.toString()).toBe("echo of hello");
    socket.terminate();
  });

  test("what is under it never gets there", async () => {
    const gateway = await start();
    expect(await send(`${gateway.url}/realtime/nothing`)).toMatchObject({ status: 404 });
    expect(await app.requests()).toEqual([]);
  });

  test("gone and back again: 502, and no new start of the gateway", async () => {
    const passing = await PlainAppProcess.start();
    const gateway = await start({ app: { url: passing.url } });
    expect((await send(`${gateway.url}/notes/1`)).status).toBe(200);
    await passing.stop();
    const gone = await send(`${gateway.url}/notes/1`);
    expect(gone).toMatchObject({ status: 502 });
    expect(gone.headers["content-type"]).toBe("application/problem+json");
    expect(gone.json()).toMatchObject({ code: "app-unreachable" });
    const metrics = await answerOf(await request(`${gateway.adminUrl}/metrics`));
    expect(metrics.text).toMatch(/app-proxy[^\n]*app-unreachable[^\n]* 1\n/);
    const back = await PlainAppProcess.start(passing.port);
    try {
      expect((await send(`${gateway.url}/notes/1`)).status).toBe(200);
    } finally {
      await back.stop();
    }
  });
});

describe("who may GET it may watch it, at the same URL", () => {
  test("EventSource, WebSocket and long polling get the changes that PUT makes", async () => {
    const gateway = await start();
    const url = `${gateway.url}/notes/1?page=app's`;
    const source = new EventSource(url, {
      fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...ANN, origin: gateway.url } }),
    });
    const heard: unknown[] = [];
    source.addEventListener("message", ({ data }) => heard.push((JSON.parse(String(data)) as { data: unknown }).data));
    const socket = new WebSocket(url.replace("http", "ws"), { headers: ANN, origin: gateway.url });
    socket.on("message", (data: Buffer) => heard.push((JSON.parse(data.toString()) as { data?: unknown }).data));
    const polling = send(url, { headers: { prefer: "wait=30" } });
    await gateway.untilConnections("sse", 1);
    await gateway.untilConnections("websocket", 1);
    await gateway.untilConnections("long-polling", 1);
    const { status } = await send(`${gateway.url}/notes/1`, { method: "PUT", body: "heard" });
    expect(status).toBe(200);
    const expected = { id: "1", text: "heard" };
    expect((await polling).json()["events"]).toMatchObject([{ topic: "notes/1", type: "updated", data: expected }]);
    await until("both streams", () => heard.filter((data) => data !== undefined).length === 2);
    expect(heard.filter((data) => data !== undefined)).toEqual([expected, expected]);
    source.close();
    socket.terminate();
  });

  test.each([
    ["SSE", { accept: "text/event-stream" }],
    ["long polling", { prefer: "wait=5" }],
  ])("nobody else: %s", async (_what, headers) => {
    const gateway = await start();
    const asked = headers as Record<string, string>;
    expect(await answerOf(await request(`${gateway.url}/notes/1`, { headers: asked }))).toMatchObject({ status: 401 });
    expect(await send(`${gateway.url}/notes/99`, { headers: { ...asked, origin: gateway.url } })).toMatchObject({
      status: 404,
    });
  });

  test("the link of a plain answer leads to every change since", async () => {
    const gateway = await start();
    const plain = await send(`${gateway.url}/notes/1`);
    const [, link = ""] = /<([^>]+)>; rel="monitor"/.exec(plain.headers["link"] ?? "") ?? [];
    await send(`${gateway.url}/notes/1`, { method: "PUT", body: "after the reading" });
    const page = (await send(gateway.url + link)).json();
    expect(page["events"]).toMatchObject([{ data: { text: "after the reading" } }]);
  });
});

describe("changes without touching the app", () => {
  test("are published, with what the app says of them", async () => {
    const gateway = await start({ access: { public: ["**"] } });
    const { cursor } = gateway.gateway.bus;
    const put = (headers: object): Promise<Answer> =>
      send(`${gateway.url}/notes/1`, { method: "PUT", body: "x", headers: { "x-answer": JSON.stringify(headers) } });
    const created = await send(`${gateway.url}/notes`, { method: "POST", body: "new" });
    const { id } = created.json();
    await gateway.publisher.publish({ topic: `notes/${String(id)}`, type: "own", data: 1 });
    await send(`${gateway.url}/notes/${String(id)}`, { method: "DELETE" });
    const overridden = await put({ "sluice-topic": "news", "sluice-type": "note.changed" });
    const off = await put({ "sluice-publish": "off" });
    await send(`${gateway.url}/notes/99`, { method: "DELETE" });
    expect(await changesBehind(gateway, "**", cursor)).toEqual([
      { topic: "notes", type: "created", data: { id, text: "new" } },
      { topic: `notes/${String(id)}`, type: "own", data: 1 },
      {
        topic: `notes/${String(id)}`,
        type: "deleted",
        data: { method: "DELETE", path: `/notes/${String(id)}`, status: 204 },
      },
      { topic: "news", type: "note.changed", data: { id: "1", text: "x" } },
    ]);
    for (const { headers } of [overridden, off]) {
      expect(Object.keys(headers).filter((name) => name.startsWith("sluice-"))).toEqual([]);
    }
  });

  test("are durable when the client has its answer: kill -9 takes none of them", async () => {
    const gateway = await GatewayProcess.start(settings());
    try {
      const { headers } = await send(`${gateway.url}/notes/1`);
      const [, cursor = ""] = /after=([^>]+)>/.exec(headers["link"] ?? "") ?? [];
      for (let round = 1; round <= 2; round += 1) {
        await send(`${gateway.url}/notes/1`, { method: "PUT", body: `round ${round}` });
        await gateway.kill("SIGKILL");
        await gateway.launch();
        const changes = await changesBehind(gateway, "notes/1", cursor);
        expect(changes.map((change) => (change as { data: { text: string } }).data.text)).toEqual(
          Array.from({ length: round }, (_, index) => `round ${index + 1}`),
        );
      }
    } finally {
      await gateway.close();
    }
  });
});

test("polls that never reach the app", async () => {
  const gateway = await start();
  const first = await send(`${gateway.url}/notes/1`);
  const tag = first.headers["etag"] ?? "";
  await app.requests();
  for (let index = 0; index < 5; index += 1) {
    expect(await send(`${gateway.url}/notes/1`, { headers: { "if-none-match": tag } })).toMatchObject({
      status: 304,
      text: "",
    });
  }
  expect(await app.requests()).toEqual([]);
  await send(`${gateway.url}/notes/1`, { method: "PUT", body: `changed ${first.text.length}` });
  const changed = await send(`${gateway.url}/notes/1`, { headers: { "if-none-match": tag } });
  expect(changed.status).toBe(200);
  expect(changed.text).toContain("changed");
});

describe("snapshots", () => {
  test.each(drivers)("by $name: what it is now, then every change", async (driver) => {
    const gateway = await start();
    await send(`${gateway.url}/notes/1`, { method: "PUT", body: "now" });
    await app.requests();
    const reader = await keep(
      driver.connect({
        url: gateway.url,
        topics: ["notes/1"],
        last: 0,
        query: "snapshot=1",
        headers: { ...ANN, origin: gateway.url },
      }),
    );
    const [snapshot] = await reader.inbox.take(1);
    expect(JSON.parse(snapshot as string)).toMatchObject({ topic: "notes/1", type: "snapshot", data: { text: "now" } });
    await send(`${gateway.url}/notes/1`, { method: "PUT", body: "then" });
    const [, change] = await reader.inbox.take(2);
    expect(JSON.parse(change as string)).toMatchObject({ type: "updated", data: { text: "then" } });
    expect(reader.inbox.gaps).toEqual([]);
  });
});

describe("while it runs", () => {
  test("a reload changes what is a resource", async () => {
    const gateway = await start();
    const url = `${gateway.url}/notes`;
    expect((await send(url)).headers["link"]).toMatch(/rel="monitor"/);
    const loaded = await loadConfig({
      path: `${gateway.directory}/sluice.json`,
      env: { SLUICE_RESOURCES: '["/others"]' },
      mode: "serve",
    });
    if ("faults" in loaded) throw new Error(JSON.stringify(loaded.faults));
    await gateway.gateway.reload(loaded.config);
    expect((await send(url)).headers).not.toHaveProperty("link");
    expect((await send(url, { headers: { prefer: "wait=1" } })).json()).toMatchObject([{ id: "1" }]);
  });

  test("a drain lets answers finish, and waits neither for tunnels nor for idle connections", async () => {
    // Longer than a test may take.
    const gateway = await start({ drain: { spread: "100ms", timeout: "10m" } });
    await send(`${gateway.url}/notes`);
    const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/chat`);
    await once(socket, "open");
    const closed = once(socket, "close");
    await gateway.gateway.drain();
    await closed;
  });
});
