import { afterEach, expect, test } from "vitest";
import { ENOUGH_MS, Front, type FrontOptions } from "./support/front.ts";
import { RawSocket } from "./support/raw-socket.ts";
import { RawApp } from "./support/test-app.ts";

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

function drain({ proxy }: Front): Promise<void> {
  const reason = { code: "draining", detail: "", mayReconnect: true } as const;
  return proxy.drain(reason, 0, new AbortController().signal);
}

test("an answer that had begun before a drain is its connection's last", async () => {
  const { app, front } = await startRaw();
  const raw = await RawSocket.open(front.port);
  raw.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  const behind = await app.connection();
  await behind.untilReceived("\r\n\r\n");
  behind.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na");
  await raw.untilReceived("\r\n\r\na");
  await drain(front);
  behind.send("b");
  expect(await raw.untilClosed()).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\nab$/);
});

test("so is one that goes out before the request is through", async () => {
  const { app, front } = await startRaw();
  const raw = await RawSocket.open(front.port);
  raw.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na");
  const behind = await app.connection();
  await behind.untilReceived("\r\n\r\na");
  behind.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nn");
  await raw.untilReceived("\r\n\r\nn");
  await drain(front);
  behind.send("o");
  await raw.untilReceived("\r\n\r\nno");
  raw.send("b");
  await raw.untilClosed();
});

test("a request that the app leaves without an answer during a drain ends its connection", async () => {
  const { app, front } = await startRaw({ app: { timeoutMs: ENOUGH_MS } });
  const raw = await RawSocket.open(front.port);
  raw.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  await (await app.connection()).untilReceived("\r\n\r\n");
  await drain(front);
  expect(await raw.untilClosed()).toMatch(/^HTTP\/1\.1 504 [\s\S]*\r\nConnection: close\r\n/);
});
