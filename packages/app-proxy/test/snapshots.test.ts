import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { ENOUGH_MS, Front, type FrontOptions } from "./support/front.ts";
import { RawSocket } from "./support/raw-socket.ts";
import { RawApp, TestApp } from "./support/test-app.ts";
import { until } from "./support/until.ts";

const closing: { close(): Promise<void> }[] = [];
const RULES = [{ path: "/orders/:id" }, { path: "/orders" }];
const URL_OF_42 = "/realtime/events?topic=orders/42&last=0&snapshot=1";

afterEach(async () => {
  for (const one of closing.splice(0).toReversed()) await one.close();
});

async function start(options: Partial<FrontOptions> = {}): Promise<{ app: TestApp; front: Front }> {
  const app = await TestApp.start((_asked, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end('{ "state": 1.0 }');
  });
  const front = await Front.start({ url: app.url, rules: RULES, eventBytes: 1000, ...options });
  closing.push(app, front);
  return { app, front };
}

interface Told {
  readonly id: string;
  readonly topic: string;
  readonly type: string;
  readonly cursor: string;
  readonly data: unknown;
}

interface Page {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  readonly events: readonly Told[];
  readonly cursor: string;
  readonly code: string;
}

async function get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Page> {
  const asked = request(url, { headers, agent: false }).end();
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of answer.setEncoding("utf8")) text += String(chunk);
  const body = text === "" ? {} : (JSON.parse(text) as Partial<Page>);
  return { events: [], cursor: "", code: "", ...body, status: answer.statusCode ?? 0, headers: answer.headers, text };
}

/** The app answers with its state of before, while an event tells of a change. */
function changingWhileAsked(app: TestApp, front: Front): void {
  app.handler = (_asked, response) => {
    void front
      .publish("orders/42", "change")
      .then(() => response.writeHead(200, { "content-type": "application/json" }).end('"before"'));
  };
}

describe("what the resource is comes first, then every change since the app was asked", () => {
  test.each([
    ["polling", {}],
    ["long polling", { prefer: "wait=30" }],
  ])("by %s", async (_what, headers) => {
    const { app, front } = await start();
    await front.publish("orders/42", "old");
    const { cursor } = front.bus;
    changingWhileAsked(app, front);
    const page = await get(front.url + URL_OF_42, headers);
    expect(page.events).toMatchObject([
      { topic: "orders/42", type: "snapshot", data: "before", cursor },
      { topic: "orders/42", type: "message", data: "change" },
    ]);
    const [, next = ""] = /<([^>]+)>; rel="next"/.exec(String(page.headers.link)) ?? [];
    expect(next).not.toMatch(/snapshot|last/);
    expect((await get(front.url + next)).events).toEqual([]);
    // Who comes back with its entity tag goes on from there.
    expect((await get(front.url + URL_OF_42, { "if-none-match": String(page.headers.etag) })).status).toBe(304);
    expect(app.seen).toHaveLength(1);
  });

  test("by SSE", async () => {
    const { app, front } = await start();
    const { cursor } = front.bus;
    changingWhileAsked(app, front);
    const raw = await RawSocket.open(front.port);
    raw.send(`GET ${URL_OF_42} HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n`);
    await raw.untilReceived('"data":"change"}');
    await front.publish("orders/42", "later");
    await raw.untilReceived('"data":"later"}');
    // Who drops before the snapshot is there has no place yet, and gets a snapshot the next time.
    expect(raw.received.slice(0, raw.received.indexOf("data:")).match(/^id:/gm)).toHaveLength(1);
    const ids = [...raw.received.matchAll(/^id: ?(\S+)\r?\ndata: ?(.*)$/gm)].map(([, id, data]) => [
      id,
      JSON.parse(data ?? ""),
    ]);
    expect(ids).toMatchObject([
      [cursor, { type: "snapshot", data: "before", cursor }],
      [expect.any(String), { data: "change" }],
      [expect.any(String), { data: "later" }],
    ]);
    raw.socket.destroy();
    const again = await RawSocket.open(front.port);
    again.send(`GET ${URL_OF_42} HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\nLast-Event-ID: ${cursor}\r\n\r\n`);
    await again.untilReceived('"data":"later"}');
    expect(again.received).not.toMatch(/snapshot/);
    again.socket.destroy();
  });

  test("by WebSocket", async () => {
    const { app, front } = await start();
    const { cursor } = front.bus;
    changingWhileAsked(app, front);
    const socket = new WebSocket(front.url.replace("http", "ws") + URL_OF_42);
    const got: Record<string, unknown>[] = [];
    socket.on("message", (data: Buffer) => got.push(JSON.parse(data.toString()) as Record<string, unknown>));
    await until("the change", () => got.some((message) => message["data"] === "change"));
    await front.publish("orders/42", "later");
    await until("the later one", () => got.some((message) => message["data"] === "later"));
    expect(got[0]).toMatchObject({ op: "welcome", cursor });
    expect(got.filter((message) => "type" in message)).toMatchObject([
      { type: "snapshot", data: "before", cursor },
      { data: "change" },
      { data: "later" },
    ]);
    socket.terminate();
  });
});

describe("the app is asked", () => {
  test("for the path of the topic, in the client's name", async () => {
    const { app, front } = await start();
    await get(`${front.url}/realtime/events?topic=orders/a%26b&snapshot=1`, {
      cookie: "sid=ann",
      authorization: "Basic YW5uOg==",
      host: "shop.example",
      "x-other": "no",
    });
    expect(app.seen).toMatchObject([
      {
        method: "GET",
        url: "/orders/a%26b",
        headers: {
          host: "shop.example",
          cookie: "sid=ann",
          authorization: "Basic YW5uOg==",
          accept: "application/json, */*;q=0.5",
          "x-forwarded-host": "shop.example",
        },
      },
    ]);
    expect(app.seen[0]?.headers).not.toHaveProperty("x-other");
  });

  test("without cookies where a token stands in the address: any page could have put it there", async () => {
    const { app, front } = await start();
    await get(`${front.url}${URL_OF_42}&access_token=t`, { cookie: "sid=ann", authorization: "Basic YW5uOg==" });
    expect(app.seen[0]?.headers).not.toHaveProperty("cookie");
    expect(app.seen[0]?.headers).not.toHaveProperty("authorization");
  });

  test("once for all who come at the same time with the same credentials", async () => {
    const { app, front } = await start();
    const waiting: (() => void)[] = [];
    app.handler = (_asked, response) => {
      waiting.push(() => response.writeHead(200, { "content-type": "application/json" }).end("1"));
    };
    const pages = ["ann", "ann", "bob", "ann", "bob"].map((name) =>
      get(front.url + URL_OF_42, { cookie: `sid=${name}` }),
    );
    await until("both questions", () => waiting.length === 2);
    // Those that came meanwhile have all arrived when one that came after them has been answered.
    await get(`${front.url}/realtime/events?topic=orders/42`);
    for (const answer of waiting.splice(0)) answer();
    for (const page of await Promise.all(pages)) expect(page.events).toMatchObject([{ type: "snapshot", data: 1 }]);
    expect(
      app.seen.map(({ headers }) => headers.cookie).toSorted((one, other) => String(one).localeCompare(String(other))),
    ).toEqual(["sid=ann", "sid=bob"]);
    const next = get(front.url + URL_OF_42, { cookie: "sid=ann" });
    await until("another question", () => waiting.length === 1);
    waiting[0]?.();
    await next;
  });

  test("again on a new connection where it has just closed the old one", async () => {
    const app = await RawApp.start();
    const front = await Front.start({ url: app.url, rules: RULES });
    closing.push(app, front);
    const first = get(front.url + URL_OF_42);
    const kept = await app.connection();
    await kept.untilReceived("\r\n\r\n");
    kept.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n1");
    await first;
    const second = get(front.url + URL_OF_42);
    await until("the second question", () => kept.received.split("\r\n\r\n").length === 3);
    kept.socket.resetAndDestroy();
    const fresh = await app.connection(1);
    await fresh.untilReceived("\r\n\r\n");
    fresh.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n2");
    expect((await second).events).toMatchObject([{ data: 2 }]);
  });
});

describe("the snapshot's data", () => {
  test("is the app's JSON as it wrote it, of whatever encoding", async () => {
    const { app, front } = await start();
    app.handler = (_asked, response) => {
      response.writeHead(200, { "content-type": "application/hal+json", "content-encoding": "gzip" });
      response.end(gzipSync('{ "n": 1.50,\n "big": 12345678901234567890 }'));
    };
    expect((await get(front.url + URL_OF_42)).text).toContain('"data":{"n":1.50,"big":12345678901234567890}}');
  });

  test("is base64 where it is not JSON, and null where there is nothing", async () => {
    const { app, front } = await start();
    app.handler = (_asked, response) => response.writeHead(200, { "content-type": "text/html" }).end("<p>");
    expect((await get(front.url + URL_OF_42)).events).toMatchObject([
      { datacontenttype: "text/html", data_base64: "PHA+" },
    ]);
    app.handler = (_asked, response) => response.writeHead(204).end();
    expect((await get(front.url + URL_OF_42)).events).toMatchObject([{ data: null }]);
  });
});

describe("no snapshot", () => {
  test.each([
    [401, 401, "unauthorized"],
    [403, 403, "forbidden"],
    [404, 404, "not-found"],
    [302, 404, "not-found"],
    [410, 404, "not-found"],
    [500, 502, "app-unreachable"],
  ])("where the app says %i: %i %s", async (status, told, code) => {
    const { app, front } = await start();
    app.handler = (_asked, response) => response.writeHead(status).end();
    for (const headers of [{}, { accept: "text/event-stream" }]) {
      expect(await get(front.url + URL_OF_42, headers as Record<string, string>)).toMatchObject({ status: told, code });
    }
  });

  test("where it is too large, whole or decoded", async () => {
    const { app, front } = await start();
    app.handler = (_asked, response) =>
      response.writeHead(200, { "content-type": "application/json" }).end(`"${"x".repeat(2000)}"`);
    expect(await get(front.url + URL_OF_42)).toMatchObject({ status: 413, code: "too-large" });
    app.handler = (_asked, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
      response.end(gzipSync(`"${"x".repeat(200_000)}"`));
    };
    expect(await get(front.url + URL_OF_42)).toMatchObject({ status: 413, code: "too-large" });
  });

  test("where the app is too slow, or gone", async () => {
    const { app, front } = await start({ app: { timeoutMs: ENOUGH_MS } });
    app.handler = () => undefined;
    expect(await get(front.url + URL_OF_42)).toMatchObject({ status: 504, code: "app-timed-out" });
    await app.close();
    expect(await get(front.url + URL_OF_42)).toMatchObject({ status: 502, code: "app-unreachable" });
    closing.shift();
  });

  test.each([
    ["a topic that is no resource", "topic=other/42&snapshot=1"],
    ["a pattern", "topic=orders/*&snapshot=1"],
    ["two topics", "topic=orders/1&topic=orders/2&snapshot=1"],
    ["with some of the newest events", "topic=orders/42&snapshot=1&last=3"],
    ["what is neither yes nor no", "topic=orders/42&snapshot=please"],
  ])("for %s", async (_what, query) => {
    const { app, front } = await start();
    expect(await get(`${front.url}/realtime/events?${query}`)).toMatchObject({
      status: 400,
      code: "invalid-parameter",
    });
    expect(app.seen).toEqual([]);
  });

  test("where it is not asked for, or the client has a place to go on from", async () => {
    const { app, front } = await start();
    for (const query of ["last=0&snapshot=0", `snapshot=1&after=${front.bus.cursor}`, "snapshot=1&after=earliest"]) {
      expect((await get(`${front.url}/realtime/events?topic=orders/42&${query}`)).events).toEqual([]);
    }
    expect(app.seen).toEqual([]);
  });
});
