import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { SluiceError, type EventLog } from "@sluice/core";
import { afterEach, describe, expect, test } from "vitest";
import { ENOUGH_MS, Front, memoryLog, type FrontOptions } from "./support/front.ts";
import { RawSocket } from "./support/raw-socket.ts";
import { RawApp, TestApp } from "./support/test-app.ts";
import { until } from "./support/until.ts";

const closing: { close(): Promise<void> }[] = [];
const RULES = [{ path: "/orders/:id" }, { path: "/orders" }];
const JSON_TYPE = { "content-type": "application/json" };

afterEach(async () => {
  for (const one of closing.splice(0).toReversed()) await one.close();
});

async function start(options: Partial<FrontOptions> = {}): Promise<{ app: TestApp; front: Front }> {
  const app = await TestApp.start();
  const front = await Front.start({ url: app.url, rules: RULES, eventBytes: 1000, ...options });
  closing.push(app, front);
  return { app, front };
}

async function startRaw(options: Partial<FrontOptions> = {}): Promise<{ app: RawApp; front: Front }> {
  const app = await RawApp.start();
  const front = await Front.start({ url: app.url, rules: RULES, eventBytes: 1000, ...options });
  closing.push(app, front);
  return { app, front };
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

async function send(method: string, url: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const asked = request(url, { method, headers, agent: false }).end();
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) };
}

/** The events so far: topic, type and the text of the data. */
async function told(front: Front): Promise<readonly (readonly [string, string, string])[]> {
  return (await front.events()).map(({ topic, type, data }) => [topic, type, data] as const);
}

/** An app's answer. */
function answering(
  app: TestApp,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string | Buffer,
): void {
  app.handler = (asked, response) => {
    asked.resume();
    response.writeHead(status, headers);
    response.end(body);
  };
}

describe("a 2xx to a change of a resource", () => {
  test.each([
    ["POST", 201, "/orders", "orders", "created"],
    ["POST", 200, "/orders/", "orders", "created"],
    ["PUT", 200, "/orders/42", "orders/42", "updated"],
    ["PUT", 201, "/orders/42?draft=1", "orders/42", "created"],
    ["PATCH", 299, "/orders/42", "orders/42", "updated"],
    ["DELETE", 202, "/orders/42", "orders/42", "deleted"],
  ])("%s %i %s is published on %s as %s", async (method, status, path, topic, type) => {
    const { app, front } = await start();
    answering(app, status, JSON_TYPE, '{ "id": 42,\n "n": 1.50, "big": 12345678901234567890 }');
    const answer = await send(method, front.url + path);
    expect(answer.status).toBe(status);
    expect(answer.body.toString()).toBe('{ "id": 42,\n "n": 1.50, "big": 12345678901234567890 }');
    expect(await told(front)).toEqual([[topic, type, '{"id":42,"n":1.50,"big":12345678901234567890}']]);
  });

  test.each([
    ["a GET", "GET", 200, "/orders/42"],
    ["a method that changes nothing", "OPTIONS", 200, "/orders/42"],
    ["a redirect", "POST", 302, "/orders"],
    ["a 400", "PUT", 400, "/orders/42"],
    ["a 500", "DELETE", 500, "/orders/42"],
    ["no resource", "POST", 201, "/others"],
    ["a parameter that is no segment", "PUT", 200, "/orders/a%20b"],
    ["an encoded slash", "PUT", 200, "/orders/a%2Fb"],
    ["no UTF-8", "PUT", 200, "/orders/%FF"],
    ["300 characters", "PUT", 200, `/orders/${"x".repeat(300)}`],
  ])("%s is none", async (_what, method, status, path) => {
    const { app, front } = await start();
    answering(app, status, { ...JSON_TYPE, "sluice-topic": "x", "sluice-type": "y" }, "{}");
    const answer = await send(method, front.url + path);
    expect(answer.status).toBe(status);
    expect(app.seen[0]?.url).toBe(path);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith("sluice-"))).toEqual([]);
    expect(await told(front)).toEqual([]);
  });

  test("only those methods that the rule names", async () => {
    const { app, front } = await start({ rules: [{ path: "/orders/:id", changes: ["DELETE"] }] });
    answering(app, 200, JSON_TYPE, "{}");
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) await send(method, `${front.url}/orders/1`);
    expect((await told(front)).map(([, type]) => type)).toEqual(["deleted"]);
  });

  test("is durable before the client hears of it", async () => {
    const log = memoryLog();
    const { promise, resolve } = Promise.withResolvers<void>();
    const slow = new Proxy(log, {
      get: (target, name) => {
        if (name === "append") return async (drafts: never) => promise.then(() => target.append(drafts));
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    }) as EventLog;
    const { app, front } = await start({ log: slow });
    answering(app, 201, JSON_TYPE, "{}");
    const raw = await RawSocket.open(front.port);
    raw.send("POST /orders HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    await until("the app's answer", () => app.seen.length === 1);
    // Another request goes all the way in the meantime.
    await send("GET", `${front.url}/other`);
    expect(raw.received).toBe("");
    resolve();
    await raw.untilReceived("HTTP/1.1 201");
    expect(await told(front)).toHaveLength(1);
    raw.socket.destroy();
  });

  test("stands in one order with the app's own events", async () => {
    const { app, front } = await start();
    app.handler = (_asked, response) => {
      void front.publish("orders/1", "own").then(() => response.writeHead(200, JSON_TYPE).end('"change"'));
    };
    await send("PUT", `${front.url}/orders/1`);
    await front.publish("orders/1", "later");
    expect((await told(front)).map(([, , data]) => data)).toEqual(['"own"', '"change"', '"later"']);
  });
});

describe("the data", () => {
  const summary = '{"method":"PUT","path":"/orders/42","status":200}';
  const body = JSON.stringify({ pizza: "margherita", note: "ü".repeat(100) });

  test.each([
    ["application/json", body, body],
    ["application/json; charset=utf-8", body, body],
    ["Application/JSON", body, body],
    ["application/hal+json", body, body],
    ["application/problem+json;x=y", "null", "null"],
    ["application/json", "\uFEFF{}", "{}"],
    ["application/json", "", summary],
    ["application/json", "{", summary],
    ["application/json", "NaN", summary],
    ["application/json", Buffer.from([0x22, 0xff, 0x22]), summary],
    ["application/json", `"${"x".repeat(998)}"`, `"${"x".repeat(998)}"`],
    ["application/json", `"${"x".repeat(999)}"`, summary],
    ["application/json", `"${"x".repeat(500_000)}"`, summary],
    ["application/x-ndjson", "{}\n{}\n", summary],
    ["text/html", "<p>", summary],
    ["", "{}", summary],
  ])("of %s %s", async (type, text, data) => {
    const { app, front } = await start();
    answering(app, 200, type === "" ? {} : { "content-type": type }, text);
    const answer = await send("PUT", `${front.url}/orders/42?token=secret`);
    expect(answer.body.equals(Buffer.from(text))).toBe(true);
    expect(await told(front)).toEqual([["orders/42", "updated", data]]);
  });

  test.each([
    ["gzip", gzipSync(body)],
    ["x-gzip", gzipSync(body)],
    ["br", brotliCompressSync(body)],
    ["deflate", deflateSync(body)],
    ["deflate", deflateRawSync(body)],
    ["zstd", zstdCompressSync(body)],
    ["identity", Buffer.from(body)],
    ["br, gzip", gzipSync(brotliCompressSync(body))],
  ])("is decoded of %s, and the body passed on as it was", async (coding, bytes) => {
    const { app, front } = await start();
    answering(app, 200, { ...JSON_TYPE, "content-encoding": coding }, bytes);
    const answer = await send("PUT", `${front.url}/orders/42`);
    expect(answer.headers["content-encoding"]).toBe(coding);
    expect(answer.body.equals(bytes)).toBe(true);
    expect(await told(front)).toEqual([["orders/42", "updated", body]]);
  });

  test.each([
    ["a bomb", "gzip", gzipSync(Buffer.from(`"${"x".repeat(50_000_000)}"`), { level: 9 }).subarray(0, 900)],
    ["a whole bomb that fits", "br", brotliCompressSync(Buffer.from(`"${"x".repeat(5_000_000)}"`))],
    ["a bomb in a bomb", "gzip, gzip", gzipSync(gzipSync(Buffer.from(`"${"x".repeat(50_000_000)}"`)))],
    ["an unknown coding", "compress", Buffer.from(body)],
    ["what is none of it", "gzip", Buffer.from(body)],
    ["a cut one", "gzip", gzipSync(body).subarray(0, 50)],
    ["too many codings", "gzip, gzip, gzip, gzip", gzipSync(gzipSync(gzipSync(gzipSync(body))))],
  ])("of %s is the summary", async (_what, coding, bytes) => {
    const { app, front } = await start();
    answering(app, 200, { ...JSON_TYPE, "content-encoding": coding }, bytes);
    const answer = await send("PUT", `${front.url}/orders/42`);
    expect(answer.body.equals(bytes)).toBe(true);
    expect(await told(front)).toEqual([["orders/42", "updated", summary]]);
  });

  test("of an answer without a body is the summary", async () => {
    const { app, front } = await start();
    answering(app, 204, {}, "");
    expect((await send("PUT", `${front.url}/orders/42`)).status).toBe(204);
    expect(await told(front)).toEqual([["orders/42", "updated", summary.replace("200", "204")]]);
  });

  test("larger than the limit: the answer goes on while the app still sends it", async () => {
    const { app, front } = await startRaw();
    const raw = await RawSocket.open(front.port);
    raw.send("PUT /orders/42 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    const behind = await app.connection();
    await behind.untilReceived("\r\n\r\n");
    behind.send(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3000\r\n\r\n"${"a".repeat(1500)}`,
    );
    await raw.untilReceived("a".repeat(1500));
    behind.send(`${"b".repeat(1498)}"`);
    await raw.untilReceived(`b"`);
    expect(raw.received.split("\r\n\r\n")[1]).toHaveLength(3000);
    expect(await told(front)).toEqual([["orders/42", "updated", summary]]);
    raw.socket.destroy();
  });
});

describe("what the app says of its event", () => {
  test("Sluice-Publish: off", async () => {
    const { app, front } = await start();
    answering(app, 200, { ...JSON_TYPE, "sluice-publish": "Off" }, "{}");
    const answer = await send("PUT", `${front.url}/orders/42`);
    expect(answer.headers).not.toHaveProperty("sluice-publish");
    expect(await told(front)).toEqual([]);
  });

  test("Sluice-Topic and Sluice-Type, percent-encoded or not", async () => {
    const { app, front } = await start();
    answering(app, 200, { ...JSON_TYPE, "sluice-topic": "kitchen/Gr%C3%BC%C3%9Fe", "sluice-type": "order.ready" }, "1");
    const answer = await send("PUT", `${front.url}/orders/42`);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith("sluice-"))).toEqual([]);
    answering(app, 200, { ...JSON_TYPE, "sluice-topic": Buffer.from("kitchen/ü").toString("latin1") }, "2");
    await send("PUT", `${front.url}/orders/42`);
    expect(await told(front)).toEqual([
      ["kitchen/Grüße", "order.ready", "1"],
      ["kitchen/ü", "updated", "2"],
    ]);
  });

  test("a traceparent, the app's before the client's, goes along with the event, and both pass on", async () => {
    const { app, front } = await start();
    const [client, own] = ["b7ad6b7169203331", "00f067aa0ba902b7"].map(
      (span) => `00-0af7651916cd43dd8448eb211c80319c-${span}-01`,
    ) as [string, string];
    const answers: [Readonly<Record<string, string>>, string][] = [
      [{}, "{}"],
      [{ traceparent: own }, "{}"],
      [{ traceparent: "garbage" }, "no JSON"],
      [{ "sluice-topic": "orders/*" }, "{}"],
    ];
    for (const [headers, body] of answers) {
      answering(app, 200, { ...JSON_TYPE, ...headers }, body);
      const { headers: passed } = await send("PUT", `${front.url}/orders/42`, { traceparent: client });
      expect(passed["traceparent"]).toBe(headers["traceparent"]);
      expect(app.seen.at(-1)?.headers["traceparent"]).toBe(client);
    }
    answering(app, 200, JSON_TYPE, "{}");
    await send("PUT", `${front.url}/orders/42`);
    await send("PUT", `${front.url}/orders/42`, { traceparent: "00-0-0-0" });
    const parents = (await front.events()).map(({ traceParent }) => traceParent);
    expect(parents).toEqual([client, own, client, client, undefined, undefined]);
  });

  test.each([
    ["a pattern", { "sluice-topic": "orders/*" }],
    ["a topic of the gateway's", { "sluice-topic": "$sys/x" }],
    ["two topics", { "sluice-topic": "a, b" }],
    ["dots", { "sluice-topic": "a/.." }],
    ["bytes that are no UTF-8", { "sluice-topic": "a/%FF" }],
    ["a type with a space", { "sluice-type": "order ready" }],
  ])("%s: the change is told without its data, and the operator of the fault", async (_what, headers) => {
    const { app, front } = await start();
    answering(app, 200, { ...JSON_TYPE, ...(headers as Record<string, string>) }, '{"secret":true}');
    expect((await send("PUT", `${front.url}/orders/42`)).status).toBe(200);
    expect(await told(front)).toEqual([["orders/42", "updated", '{"method":"PUT","path":"/orders/42","status":200}']]);
    expect(front.warnings).toHaveLength(1);
    expect(JSON.stringify(front.warnings)).not.toMatch(/secret/);
  });
});

describe("when it does not go smoothly", () => {
  test("the log can't take the event: the client gets the app's answer, and is told", async () => {
    const log = memoryLog();
    const full = new Proxy(log, {
      get: (target, name) => {
        if (name === "append")
          return async () => Promise.reject(new SluiceError("log-unavailable", "The disk is full."));
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    }) as EventLog;
    const { app, front } = await start({ log: full });
    answering(app, 201, { ...JSON_TYPE, "sluice-publish": "yes" }, '{"id":7}');
    const answer = await send("POST", `${front.url}/orders`);
    expect(answer.status).toBe(201);
    expect(answer.headers["sluice-publish"]).toBe("failed");
    expect(answer.body.toString()).toBe('{"id":7}');
    expect(front.refused).toEqual(["app-proxy:log-unavailable"]);
    expect(front.warnings).toHaveLength(1);
  });

  test("the client goes away when the app has its whole request: the change is told all the same", async () => {
    const { app, front } = await startRaw();
    const raw = await RawSocket.open(front.port);
    raw.send("PUT /orders/42 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}");
    const behind = await app.connection();
    await behind.untilReceived("\r\n\r\n{}");
    raw.socket.resetAndDestroy();
    // The gateway has seen the reset when it has answered somebody who came later.
    await until("the client to be gone", async () => (await connections(front)) === 0);
    behind.send('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n"ok"');
    await until("the event", async () => (await told(front)).length === 1);
    expect(await told(front)).toEqual([["orders/42", "updated", '"ok"']]);
  });

  test("the client goes away within its request: the app is told, and nothing is", async () => {
    const { app, front } = await startRaw();
    const raw = await RawSocket.open(front.port);
    raw.send("PUT /orders/42 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n{}");
    const behind = await app.connection();
    await behind.untilReceived("\r\n\r\n{}");
    raw.socket.destroy();
    await behind.untilClosed();
    expect(await told(front)).toEqual([]);
  });

  test("the app answers too late for the client: 504, and the change is told when it has", async () => {
    const { app, front } = await startRaw({ app: { timeoutMs: 50 } });
    const raw = await RawSocket.open(front.port);
    raw.send("PUT /orders/42 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}");
    const behind = await app.connection();
    await raw.untilReceived('"code":"app-timed-out"');
    behind.send('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 6\r\n\r\n"late"');
    await until("the event", async () => (await told(front)).length === 1);
    expect(await told(front)).toEqual([["orders/42", "updated", '"late"']]);
    // The client's connection is as good as before.
    raw.send("GET /realtime/none HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    expect(await raw.untilClosed()).toMatch(/504 [\s\S]*HTTP\/1\.1 404 /);
  });

  test("the app stops within its JSON: the event does without it, and the answer goes on", async () => {
    const { app, front } = await startRaw({ app: { timeoutMs: ENOUGH_MS } });
    const raw = await RawSocket.open(front.port);
    raw.send("PUT /orders/42 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    const behind = await app.connection();
    await behind.untilReceived("\r\n\r\n");
    behind.send('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n"hal');
    await raw.untilReceived('"hal');
    behind.send('ting"'.slice(0, 4));
    await raw.untilReceived('"halting'.slice(0, 8));
    expect(await told(front)).toEqual([["orders/42", "updated", '{"method":"PUT","path":"/orders/42","status":200}']]);
    raw.socket.destroy();
  });

  test("the gateway is drained: it waits for what the app is doing, also for a client that has gone", async () => {
    const { app, front } = await startRaw();
    const raw = await RawSocket.open(front.port);
    raw.send("PUT /orders/42 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    const behind = await app.connection();
    await behind.untilReceived("\r\n\r\n");
    raw.socket.resetAndDestroy();
    await until("the client to be gone", async () => (await connections(front)) === 0);
    const reason = { code: "draining", detail: "", mayReconnect: true } as const;
    let isDrained = false;
    const draining = front.proxy.drain(reason, 0, new AbortController().signal).finally(() => (isDrained = true));
    expect((await send("GET", `${front.url}/realtime/none`)).status).toBe(404);
    expect(isDrained).toBe(false);
    behind.send("HTTP/1.1 204 No Content\r\n\r\n");
    await draining;
    expect(await told(front)).toHaveLength(1);
  });

  test("the app breaks off within its 2xx: the change is told, the client's connection reset", async () => {
    const { app, front } = await startRaw();
    const raw = await RawSocket.open(front.port);
    raw.send("PUT /orders/42 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    const behind = await app.connection();
    await behind.untilReceived("\r\n\r\n");
    behind.send('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n"ok');
    behind.socket.end();
    await raw.until("a reset", () => raw.ending === "reset");
    expect(await told(front)).toEqual([["orders/42", "updated", '{"method":"PUT","path":"/orders/42","status":200}']]);
  });
});

function connections(front: Front): Promise<number> {
  return new Promise((resolve, reject) => {
    front.fastify.server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });
}
