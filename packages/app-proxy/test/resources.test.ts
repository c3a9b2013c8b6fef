import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { NO_GRANTS, SluiceError, type Access } from "@sluice/core";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { Front, type FrontOptions } from "./support/front.ts";
import { exchange, RawSocket } from "./support/raw-socket.ts";
import { TestApp } from "./support/test-app.ts";
import { until } from "./support/until.ts";

const closing: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of closing.splice(0).toReversed()) await one.close();
});

async function start(options: Partial<FrontOptions> = {}): Promise<{ app: TestApp; front: Front }> {
  const app = await TestApp.start();
  const front = await Front.start({ url: app.url, rules: [{ path: "/orders/:id" }, { path: "/orders" }], ...options });
  closing.push(app, front);
  return { app, front };
}

/** One GET with headers as they are, read to the end. */
async function get(
  url: string,
  headers: Readonly<Record<string, string>> = {},
  method = "GET",
): Promise<{ status: number; headers: IncomingMessage["headers"]; rawHeaders: string[]; text: string }> {
  const asked = request(url, { headers, method, agent: false }).end();
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of answer.setEncoding("utf8")) text += String(chunk);
  return { status: answer.statusCode ?? 0, headers: answer.headers, rawHeaders: answer.rawHeaders, text };
}

describe("a plain answer of a resource", () => {
  test.each(["GET", "HEAD"])(
    "to a %s tells where its changes are found, behind the app's own links",
    async (method) => {
      const { app, front } = await start();
      app.handler = (_request, response) => {
        response.writeHead(200, ["Link", "</next>; rel=next", "Link", "</up>; rel=up", "Vary", "Cookie"]);
        response.end(method === "GET" ? "{}" : undefined);
      };
      await front.publish("other");
      const { cursor } = front.bus;
      const answer = await get(`${front.url}/orders/Gr%C3%BC%C3%9Fe,$1:2?page=3`, {}, method);
      const links = answer.rawHeaders.filter((_, index, all) => all[index - 1]?.toLowerCase() === "link");
      expect(links).toEqual([
        "</next>; rel=next",
        "</up>; rel=up",
        `</realtime/events?topic=orders/Gr%C3%BC%C3%9Fe,$1:2&after=${cursor}>; rel="monitor"`,
      ]);
      expect(answer.headers.vary).toBe("Cookie, Accept, Prefer");
    },
  );

  test("its cursor is from before the app was asked: nothing can change in between", async () => {
    const { app, front } = await start();
    app.handler = (_request, response) => {
      const state = "before";
      void front.publish("orders/42", "change").then(() => response.end(state));
    };
    const answer = await get(`${front.url}/orders/42`);
    const [, url = ""] = /<([^>]+)>/.exec(String(answer.headers.link)) ?? [];
    const page = JSON.parse((await get(front.url + url)).text) as { events: { data: unknown }[] };
    expect(page.events.map(({ data }) => data)).toEqual(["change"]);
  });

  test.each([
    ["a 404", 404, "/orders/42"],
    ["a redirect", 302, "/orders/42"],
    ["no resource", 200, "/other"],
    ["a parameter that is no segment", 200, "/orders/a%20b"],
  ])("%s has no such link", async (_what, status, path) => {
    const { app, front } = await start();
    app.handler = (_request, response) => response.writeHead(status).end();
    const answer = await get(front.url + path);
    expect(answer.status).toBe(status);
    expect(answer.headers).not.toHaveProperty("link");
    expect(answer.headers).not.toHaveProperty("vary");
  });

  test("rules may change while it runs", async () => {
    const { front } = await start();
    expect((await get(`${front.url}/books/1`)).headers).not.toHaveProperty("link");
    const { ResourceTable } = await import("../src/index.ts");
    const { rule } = await import("./support/front.ts");
    front.table = new ResourceTable([rule({ path: "/books/:id" })]);
    expect((await get(`${front.url}/books/1`)).headers.link).toMatch(/topic=books\/1&/);
    expect((await get(`${front.url}/orders/1`)).headers).not.toHaveProperty("link");
  });
});

describe("the same URL, any transport", () => {
  test("Accept: text/event-stream", async () => {
    const { app, front } = await start();
    const { cursor } = front.bus;
    await front.publish("orders/42", 1);
    const raw = await RawSocket.open(front.port);
    // What stands in the query is the app's.
    raw.send(
      `GET /orders/42?transport=polling&wait=1&after=x&topic=y HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\nLast-Event-ID: ${cursor}\r\n\r\n`,
    );
    await raw.untilReceived('"data":1}');
    await front.publish("orders/43", "other");
    await front.publish("orders/42", 2);
    await raw.untilReceived('"data":2}');
    expect(raw.received).toMatch(/content-type: text\/event-stream/i);
    expect(raw.received).not.toMatch(/other/);
    raw.socket.destroy();
    expect(app.seen).toEqual([]);
  });

  test("Upgrade: websocket", async () => {
    const { app, front } = await start();
    const socket = new WebSocket(`ws://127.0.0.1:${front.port}/orders/42?after=nonsense`);
    const got: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.on("message", (data: Buffer) => {
      got.push(data.toString());
      if (got.some((text) => text.includes('"op":"subscribed"') || text.includes('"op":"welcome"'))) resolve();
    });
    await promise;
    await front.publish("orders/42", "hello");
    while (!got.some((text) => text.includes('"data":"hello"'))) await once(socket, "message");
    socket.terminate();
    expect(app.seen).toEqual([]);
  });

  test("Prefer: wait, going on by If-None-Match: nothing between two polls is lost", async () => {
    const { app, front } = await start();
    const first = get(`${front.url}/orders/42?a=%3C1%3E`, { prefer: "wait=20" });
    await until("the poll to wait", () => front.bus.audienceCount === 1);
    await front.publish("orders/42", 1);
    const page = await first;
    expect(page.headers["preference-applied"]).toBe("wait=20");
    const { cursor, events } = JSON.parse(page.text) as { cursor: string; events: { data: number }[] };
    expect(events.map(({ data }) => data)).toEqual([1]);
    const tag = String(page.headers.etag);
    expect(tag).toBe(`"${cursor}"`);
    expect(page.headers.link).toBe('</orders/42?a=%3C1%3E>; rel="next"');
    await front.publish("orders/42", 2);
    const next = await get(`${front.url}/orders/42`, { prefer: "wait=20", "if-none-match": tag });
    expect(JSON.parse(next.text)).toMatchObject({ events: [{ data: 2 }] });
    expect(app.seen).toEqual([]);
  });

  test("goes to the app where the client does not ask for changes", async () => {
    const { app, front } = await start();
    for (const headers of [
      {},
      { accept: "*/*" },
      { accept: "text/*" },
      { accept: "text/event-stream;q=0" },
      { prefer: "return=minimal" },
      { prefer: "wait=0" },
      { "last-event-id": "x" },
    ]) {
      expect((await get(`${front.url}/orders/42`, headers as Record<string, string>)).text).toBe("hello");
    }
    for (const method of ["HEAD", "DELETE", "OPTIONS"]) {
      await get(`${front.url}/orders/42`, { accept: "text/event-stream", prefer: "wait=1" }, method);
    }
    for (const path of ["/orders/a%20b", "/orders/a%2Fb", "/orders/%FF", `/orders/${"x".repeat(300)}`, "/other"]) {
      expect((await get(front.url + path, { accept: "text/event-stream", prefer: "wait=1" })).text).toBe("hello");
    }
    expect(app.seen).toHaveLength(15);
  });

  test("by the right to read the resource's topic", async () => {
    const access: Access = {
      identify: async (credentials) => ({
        subject: null,
        grants: NO_GRANTS,
        expiresAtMs: null,
        hasCredentials: credentials.cookie !== undefined,
        isByCookie: false,
        credentials,
      }),
      check: async (principal, action, filters) => {
        expect(principal.credentials.accessToken).toBeUndefined();
        if (principal.credentials.cookie === "sid=ann" && action === "read" && filters[0]?.text === "orders/1") return;
        throw new SluiceError(principal.hasCredentials ? "forbidden" : "unauthorized", "No.");
      },
      guard: () => ({ replace: () => undefined, release: () => undefined }),
    };
    const { app, front } = await start({ access });
    const sse = { accept: "text/event-stream" };
    expect((await get(`${front.url}/orders/1?access_token=x`, sse)).status).toBe(401);
    expect((await get(`${front.url}/orders/2`, { ...sse, cookie: "sid=ann" })).status).toBe(403);
    const raw = await RawSocket.open(front.port);
    raw.send("GET /orders/1 HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\nCookie: sid=ann\r\n\r\n");
    await raw.untilReceived("HTTP/1.1 200 OK");
    raw.socket.destroy();
    expect(app.seen).toEqual([]);
  });

  test("the route behind it is nobody's but the proxy's", async () => {
    const { front } = await start();
    const sse = "Accept: text/event-stream\r\nConnection: close\r\n\r\n";
    expect(await exchange(front.port, `GET /realtime/resource HTTP/1.1\r\nHost: h\r\n${sse}`)).toMatch(
      /^HTTP\/1\.1 404 /,
    );
  });
});
