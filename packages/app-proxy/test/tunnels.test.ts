import { randomBytes } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { Front, type FrontOptions } from "./support/front.ts";
import { RawSocket } from "./support/raw-socket.ts";
import { RawApp, TestApp } from "./support/test-app.ts";
import { until } from "./support/until.ts";

const closing: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of closing.splice(0).toReversed()) await one.close();
});

async function startRaw(options: Partial<FrontOptions> = {}): Promise<{ app: RawApp; front: Front }> {
  const app = await RawApp.start();
  const front = await Front.start({ url: app.url, ...options });
  closing.push(app, front);
  return { app, front };
}

const ASK =
  "GET /chat//x?y HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nCookie: a=b\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: x\r\n\r\n";
const SWITCH =
  "HTTP/1.1 101 Come In\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n";

/** A tunnel whose both ends are the test's. */
async function open(
  app: RawApp,
  front: Front,
  early = "",
  ask = ASK,
): Promise<{ client: RawSocket; behind: RawSocket }> {
  const client = await RawSocket.open(front.port);
  const count = app.connections.length;
  client.send(ask + early);
  const behind = await app.connection(count);
  await behind.untilReceived("\r\n\r\n");
  behind.send(SWITCH);
  await client.untilReceived("\r\n\r\n");
  return { client, behind };
}

describe("an upgrade that the app accepts", () => {
  test("is asked for and answered with the headers as they are", async () => {
    const { app, front } = await startRaw();
    const { client, behind } = await open(app, front);
    expect(behind.received).toMatch(/^GET \/chat\/\/x\?y HTTP\/1\.1\r\nHost: h\r\n/);
    expect(behind.received).toMatch(/\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n/);
    expect(behind.received).toMatch(/\r\nCookie: a=b\r\n/);
    expect(behind.received).toMatch(/\r\nSec-WebSocket-Extensions: x\r\n/);
    expect(behind.received).toMatch(/\r\nX-Forwarded-For: 127\.0\.0\.1\r\n/);
    expect(client.received).toBe(SWITCH);
    expect(front.proxy.tunnels).toBe(1);
  });

  test("carries bytes both ways, also those that came with the heads", async () => {
    const { app, front } = await startRaw();
    const client = await RawSocket.open(front.port);
    client.send(`${ASK}early`);
    const behind = await app.connection();
    await behind.untilReceived("\r\n\r\n");
    expect(behind.received).not.toMatch(/early/);
    behind.send(`${SWITCH}hello`);
    await client.untilReceived("hello");
    await behind.untilReceived("early");
    const bytes = randomBytes(300_000);
    client.send(bytes);
    behind.send(bytes);
    await behind.until("all bytes", () => behind.received.endsWith(bytes.toString("latin1")));
    await client.until("all bytes", () => client.received.endsWith(bytes.toString("latin1")));
  });

  test.each(["client", "app"])("the half of the %s may end first", async (side) => {
    const { app, front } = await startRaw();
    const { client, behind } = await open(app, front);
    const [first, second] = side === "client" ? [client, behind] : [behind, client];
    first.send("last words");
    first.socket.end();
    await second.until("the half's end", () => second.ending === "half");
    expect(second.received).toMatch(/last words$/);
    second.send("answer");
    await first.untilReceived("answer");
    second.socket.end("bye");
    await first.untilClosed();
    expect(first.received).toMatch(/answerbye$/);
    await until("no tunnel", () => front.proxy.tunnels === 0);
  });

  test("a reset of one side ends the other", async () => {
    const { app, front } = await startRaw();
    const one = await open(app, front);
    one.client.socket.resetAndDestroy();
    await one.behind.untilClosed();
    const other = await open(app, front);
    other.behind.socket.resetAndDestroy();
    await other.client.until("a reset", () => other.client.ending === "reset");
    await until("no tunnel", () => front.proxy.tunnels === 0);
  });

  test.each(["client", "app"])("a %s that reads slowly holds the other side back", async (side) => {
    const { app, front } = await startRaw();
    const { client, behind } = await open(app, front);
    const [reader, writer] = side === "client" ? [client, behind] : [behind, client];
    reader.socket.pause();
    const chunk = Buffer.alloc(1024 * 1024);
    let sent = 0;
    // 256 MiB would be through in no time if anybody kept them.
    const push = (): void => {
      while (sent < 256 && writer.socket.writableLength === 0) {
        writer.send(chunk);
        sent += 1;
      }
    };
    writer.socket.on("drain", push);
    push();
    let before = -1;
    await until("both buffers to be full", () => {
      const isStuck = before === sent && writer.socket.writableLength > 0;
      before = sent;
      return isStuck;
    });
    const held = sent;
    expect(held).toBeLessThan(100);
    reader.socket.resume();
    await until("it to go on", () => sent > held);
    reader.socket.destroy();
  });

  test("WebSockets of a library on both sides", async () => {
    const app = await TestApp.start();
    const server = new WebSocketServer({ server: app.server });
    server.on("connection", (socket) =>
      socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary })),
    );
    const front = await Front.start({ url: app.url });
    closing.push(app, front);
    const socket = new WebSocket(`${front.url.replace("http", "ws")}/chat`);
    const { promise, resolve } = Promise.withResolvers<string>();
    socket.on("open", () => socket.send("hello"));
    socket.on("message", (data: Buffer) => resolve(data.toString()));
    expect(await promise).toBe("hello");
    socket.close(4001, "enough");
    await until("the close", () => server.clients.size === 0 && front.proxy.tunnels === 0);
  });
});

describe("an upgrade that comes to nothing", () => {
  test("refused by the app: its answer is the client's", async () => {
    const { app, front } = await startRaw();
    const client = await RawSocket.open(front.port);
    client.send(ASK);
    const behind = await app.connection();
    await behind.untilReceived("\r\n\r\n");
    behind.send(
      "HTTP/1.1 403 No\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nnope\r\n0\r\n\r\n",
    );
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 403 No\r\nContent-Type: text\/plain\r\n[\s\S]*nope/);
    await behind.untilClosed();
    await until("no tunnel", () => front.proxy.tunnels === 0);
  });

  test("the app broke off: 502", async () => {
    const { app, front } = await startRaw();
    const client = await RawSocket.open(front.port);
    client.send(ASK);
    const behind = await app.connection();
    behind.socket.resetAndDestroy();
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 502 [\s\S]*"code":"app-unreachable"[^{}]*}$/);
  });

  test("the app is too slow: 504", async () => {
    const { app, front } = await startRaw({ app: { timeoutMs: 50 } });
    const client = await RawSocket.open(front.port);
    client.send(ASK);
    const behind = await app.connection();
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 504 [\s\S]*"code":"app-timed-out"[^{}]*}$/);
    await behind.untilClosed();
  });

  test("the client goes away: the app is told", async () => {
    const { app, front } = await startRaw();
    const client = await RawSocket.open(front.port);
    client.send(ASK);
    const behind = await app.connection();
    await behind.untilReceived("\r\n\r\n");
    client.socket.destroy();
    await behind.untilClosed();
    await until("no tunnel", () => front.proxy.tunnels === 0);
  });
});

describe("an upgrade behind a request that has no answer yet", () => {
  test("reaches the app as a plain request, so that answers keep their order", async () => {
    const { app, front } = await startRaw();
    const client = await RawSocket.open(front.port);
    client.send(`GET /first HTTP/1.1\r\nHost: h\r\n\r\n${ASK}`);
    const first = await app.connection(0);
    const second = await app.connection(1);
    expect(await second.untilReceived("\r\n\r\n")).not.toMatch(/upgrade/i);
    second.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond");
    first.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst");
    expect(await client.untilReceived("second")).toMatch(/\r\n\r\nfirstHTTP\/1\.1 200 /);
  });

  test("gets an answer from the gateway too", async () => {
    const { app, front } = await startRaw();
    const client = await RawSocket.open(front.port);
    const ask = ASK.replace("/chat//x?y", "/realtime/events?topic=a");
    client.send(`GET /first HTTP/1.1\r\nHost: h\r\n\r\n${ask}`);
    const first = await app.connection(0);
    first.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst");
    expect(await client.untilReceived('"upgrade-required"')).toMatch(/\r\n\r\nfirstHTTP\/1\.1 426 /);
  });
});

describe("the limit of connections from one address", () => {
  async function refused(front: Front, ask: string): Promise<string> {
    const client = await RawSocket.open(front.port);
    client.send(ask);
    return client.untilClosed();
  }

  test("counts tunnels, until they end, and readers with them", async () => {
    const { app, front } = await startRaw({ connectionsPerIp: 1 });
    const first = await open(app, front);
    expect(await refused(front, ASK)).toMatch(/^HTTP\/1\.1 429 [\s\S]*retry-after: [\s\S]*"too-many-connections"/i);
    expect((await fetch(`${front.url}/realtime/events?topic=a&transport=sse`)).status).toBe(429);
    expect(front.refused).toContain("app-proxy:too-many-connections");
    first.client.socket.end();
    first.behind.socket.end();
    await until("no tunnel", () => front.proxy.tunnels === 0);
    await open(app, front);
  });

  test("goes by the client that a trusted proxy names", async () => {
    const { app, front } = await startRaw({ connectionsPerIp: 1, trustProxy: ["127.0.0.1", "10.0.0.0/8"] });
    const by = (addresses: string): string => ASK.replace("Cookie", `X-Forwarded-For: ${addresses}\r\nCookie`);
    await open(app, front, "", by("6.6.6.6, 192.0.2.1, 10.0.0.7"));
    await open(app, front, "", by("192.0.2.2"));
    expect(await refused(front, by("7.7.7.7, 192.0.2.1"))).toMatch(/^HTTP\/1\.1 429 /);
    expect(await refused(front, by("192.0.2.2,10.0.0.7,"))).toMatch(/^HTTP\/1\.1 429 /);
    await open(app, front, "", by("nonsense"));
    expect(front.proxy.tunnels).toBe(3);
  });
});

test("a drain ends tunnels, those that take nothing at the deadline", async () => {
  const { app, front } = await startRaw();
  const one = await open(app, front);
  const two = await open(app, front);
  const reason = { code: "draining", detail: "", mayReconnect: true } as const;
  const deadline = new AbortController();
  const draining = front.proxy.drain(reason, 100, deadline.signal);
  await one.client.untilClosed();
  await two.client.untilClosed();
  await one.behind.untilClosed();
  await two.behind.untilClosed();
  await draining;
  expect(front.proxy.tunnels).toBe(0);
});
