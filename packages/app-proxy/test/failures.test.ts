import { createServer } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { ENOUGH_MS, Front, type FrontOptions } from "./support/front.ts";
import { exchange, RawSocket } from "./support/raw-socket.ts";
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

/** An address where nobody listens. */
async function deadUrl(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return `http://127.0.0.1:${port}`;
}

const GET = "GET / HTTP/1.1\r\nHost: h\r\n";
const END = "Connection: close\r\n\r\n";

describe("the app", () => {
  test("not there: 502 as problem+json", async () => {
    const front = await Front.start({ url: await deadUrl() });
    closing.push(front);
    const answer = await fetch(front.url);
    expect(answer.status).toBe(502);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(await answer.json()).toMatchObject({ status: 502, code: "app-unreachable" });
    expect(front.refused).toEqual(["app-proxy:app-unreachable"]);
  });

  test.each([
    ["closes without an answer", ""],
    ["answers with what is no HTTP", "SSH-2.0-OpenSSH_9.9\r\n\r\n"],
    ["answers with two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!"],
    [
      "answers with a length and chunks",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["breaks off within the head", "HTTP/1.1 200 OK\r\nContent-"],
    ["switches protocols unasked", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"],
  ])("%s: 502", async (_what, bytes) => {
    const { app, front } = await startRaw();
    const raw = await RawSocket.open(front.port);
    raw.send(`${GET}${END}`);
    const behind = await app.connection();
    await behind.untilReceived("\r\n\r\n");
    behind.send(bytes);
    behind.socket.end();
    expect(await raw.untilClosed()).toMatch(/^HTTP\/1\.1 502 [\s\S]*"code":"app-unreachable"/);
  });

  test("too slow: 504, and it is told that nobody waits any more", async () => {
    const { app, front } = await startRaw({ app: { timeoutMs: 50 } });
    const raw = await RawSocket.open(front.port);
    raw.send(`${GET}${END}`);
    const behind = await app.connection();
    expect(await raw.untilClosed()).toMatch(/^HTTP\/1\.1 504 [\s\S]*"code":"app-timed-out"/);
    await behind.untilClosed();
    expect(front.refused).toEqual(["app-proxy:app-timed-out"]);
  });

  test("slow after the head of its answer: no time-out", async () => {
    const { app, front } = await startRaw({ app: { timeoutMs: ENOUGH_MS } });
    const raw = await RawSocket.open(front.port);
    raw.send(`${GET}${END}`);
    const behind = await app.connection();
    await behind.untilReceived("\r\n\r\n");
    behind.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    await raw.untilReceived("\r\n\r\n");
    // Another request runs into the time-out in the meantime: so it would have come.
    const other = await RawSocket.open(front.port);
    other.send(`${GET}${END}`);
    expect(await other.untilClosed()).toMatch(/504/);
    behind.send("ok");
    expect(await raw.untilClosed()).toMatch(/ok$/);
  });

  test("its time does not run while the client sends its body", async () => {
    const { app, front } = await startRaw({ app: { timeoutMs: ENOUGH_MS } });
    const raw = await RawSocket.open(front.port);
    raw.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n${END}ab`);
    const behind = await app.connection();
    await behind.until("the first half", () => behind.received.endsWith("ab"));
    const other = await RawSocket.open(front.port);
    other.send(`${GET}${END}`);
    expect(await other.untilClosed()).toMatch(/504/);
    raw.send("cd");
    await behind.until("the rest", () => behind.received.endsWith("abcd"));
    behind.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    expect(await raw.untilClosed()).toMatch(/^HTTP\/1\.1 200 [\s\S]*ok$/);
  });

  test("hangs when a slow upload is through: 504 as soon as without one", async () => {
    const { front } = await startRaw({ app: { timeoutMs: 100 } });
    const raw = await RawSocket.open(front.port);
    raw.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n${END}a`);
    // By then the time of the first has been looked at too: it was the client's turn.
    expect(await exchange(front.port, `${GET}${END}`)).toMatch(/^HTTP\/1\.1 504 /);
    raw.send("b");
    expect(await raw.untilClosed()).toMatch(/^HTTP\/1\.1 504 [\s\S]*"code":"app-timed-out"/);
  });

  test("takes nothing of a body: 504", async () => {
    const { app, front } = await startRaw({ app: { timeoutMs: 100 } });
    const raw = await RawSocket.open(front.port);
    raw.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n${END}`);
    const behind = await app.connection();
    behind.socket.pause();
    const more = (): void => {
      while (raw.ending === "open" && raw.socket.write(Buffer.alloc(256 * 1024)));
    };
    raw.socket.on("drain", more);
    more();
    await raw.untilReceived('"code":"app-timed-out"');
    raw.socket.destroy();
  });

  test.each([
    ["a length", "Content-Length: 10\r\n\r\nhalf"],
    ["chunks", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"],
    ["a bad chunk", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n"],
  ])("breaks off within a body with %s: the client's connection is reset", async (_what, rest) => {
    const { app, front } = await startRaw();
    for (const version of ["1.1", "1.0"]) {
      const raw = await RawSocket.open(front.port);
      raw.send(`GET / HTTP/${version}\r\nHost: h\r\n\r\n`);
      const behind = await app.connection(version === "1.1" ? 0 : 1);
      await behind.untilReceived("\r\n\r\n");
      behind.send(`HTTP/1.1 200 OK\r\n${rest}`);
      behind.socket.end();
      await raw.until("a reset", () => raw.ending === "reset");
    }
  });
});

describe("the client", () => {
  test.each(["GET", "POST"])("goes away before the answer to its %s: the app is told", async (method) => {
    const { app, front } = await startRaw();
    const raw = await RawSocket.open(front.port);
    raw.send(`${method} / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n`);
    const behind = await app.connection();
    await behind.untilReceived("\r\n\r\n");
    raw.socket.destroy();
    await behind.untilClosed();
  });

  test("goes away within its body: the app is told, and sees no whole request", async () => {
    const { app, front } = await startRaw();
    const raw = await RawSocket.open(front.port);
    raw.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    const behind = await app.connection();
    await behind.untilReceived("half");
    raw.socket.destroy();
    expect(await behind.untilClosed()).not.toMatch(/\r\n0\r\n/);
  });

  test("goes away within the answer: the app is told", async () => {
    const app = await TestApp.start((_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(64 * 1024)));
      };
      response.on("drain", more);
      more();
    });
    const front = await Front.start({ url: app.url });
    closing.push(app, front);
    const raw = await RawSocket.open(front.port);
    raw.send(`${GET}\r\n`);
    await raw.untilReceived("\r\n\r\n");
    expect(app.sockets.size).toBe(1);
    raw.socket.destroy();
    await until("the app's connection to end", () => app.sockets.size === 0);
  });
});

describe("what an app could understand in another way is refused, and never reaches it", () => {
  const HEAD = "POST /a HTTP/1.1\r\nHost: h\r\n";
  test.each([
    [
      "a length and chunks",
      `${HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n`,
    ],
    ["chunks and a length", `${HEAD}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`],
    ["two lengths", `${HEAD}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`],
    ["the same length twice", `${HEAD}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`],
    ["two lengths on a line", `${HEAD}Content-Length: 5, 6\r\n\r\nhello!`],
    ["a length with a sign", `${HEAD}Content-Length: +5\r\n\r\nhello`],
    ["a hexadecimal length", `${HEAD}Content-Length: 0x5\r\n\r\nhello`],
    ["a coding before chunked", `${HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    ["a coding behind chunked", `${HEAD}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`],
    ["chunked twice", `${HEAD}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["an unknown coding", `${HEAD}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ["a quoted coding", `${HEAD}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`],
    ["identity", `${HEAD}Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc`],
    ["chunks in HTTP/1.0", "POST /a HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["white space before the colon", `${HEAD}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`],
    ["a folded line", `${HEAD}X-A: b\r\n c\r\n\r\n`],
    ["a folded coding", `${HEAD}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`],
    ["bare line feeds", "GET /a HTTP/1.1\nHost: h\n\n"],
    ["a bare line feed", `${HEAD}X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["a bare line feed at the head's end", `${HEAD}\n`],
    ["a bare carriage return", `${HEAD}X-A: b\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["NUL in a header", `${HEAD}X-A: b\0c\r\n\r\n`],
    ["two hosts", `${HEAD}Host: other\r\n\r\n`],
    ["a host that is two", "GET /a HTTP/1.1\r\nHost: h other\r\n\r\n"],
    ["a host with a path", "GET /a HTTP/1.1\r\nHost: h/b\r\n\r\n"],
    ["a host with a user", "GET /a HTTP/1.1\r\nHost: other@h\r\n\r\n"],
    ["such a host in a target", "GET http://h\\other/a HTTP/1.1\r\nHost: h\r\n\r\n"],
    ["no host", "GET /a HTTP/1.1\r\n\r\n"],
    ["another version", "GET /a HTTP/2.0\r\nHost: h\r\n\r\n"],
    ["an unknown method", "FOO /a HTTP/1.1\r\nHost: h\r\n\r\n"],
    ["a target that is no path", "GET a HTTP/1.1\r\nHost: h\r\n\r\n"],
    ["a target with another scheme", "GET ftp://h/a HTTP/1.1\r\nHost: h\r\n\r\n"],
    [
      "an upgrade with a body",
      `${HEAD}Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 35\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n........`,
    ],
    [
      "an upgrade with chunks",
      `${HEAD}Connection: upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
  ])("%s", async (_what, text) => {
    const { app, front } = await startRaw();
    const got = await exchange(front.port, text);
    expect(got).toMatch(/^HTTP\/1\.1 400 /);
    expect(got).toMatch(/application\/problem\+json/);
    expect(got.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(app.connections).toEqual([]);
  });

  test.each([
    ["a size that is no number", "zz\r\nhello\r\n0\r\n\r\n"],
    ["a size without a carriage return", "5\nhello\r\n0\r\n\r\n"],
    ["data longer than its size", "5\r\nhello!\r\n0\r\n\r\n"],
    ["data without a carriage return", "5\r\nhello\n0\r\n\r\n"],
    ["a size beyond all bounds", "10000000000000005\r\nhello\r\n0\r\n\r\n"],
  ])("a chunk: %s", async (_what, body) => {
    const { app, front } = await startRaw();
    const raw = await RawSocket.open(front.port);
    raw.send(`${HEAD}Transfer-Encoding: chunked\r\n\r\n${body}GET /b HTTP/1.1\r\nHost: h\r\n\r\n`);
    await raw.untilClosed();
    expect(raw.received).toMatch(/^HTTP\/1\.1 400 /);
    for (const behind of app.connections) {
      await behind.untilClosed();
      // It may have seen the beginning; never an end, nor a second request.
      expect(behind.received).not.toMatch(/\r\n0\r\n\r\n|\/b/);
    }
  });
});
