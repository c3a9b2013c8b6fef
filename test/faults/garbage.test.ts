import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { drivers } from "../conformance/drivers/index.ts";
import type { Reader } from "../conformance/drivers/reader-driver.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { RawConnection } from "../support/raw-connection.ts";

const HEAD = "GET /realtime/events?topic=a HTTP/1.1\r\nHost: a\r\n";

describe("clients that send rubbish", () => {
  let gateway: GatewayProcess;
  let readers: Reader[] = [];
  const connections: RawConnection[] = [];
  const open = async (url = gateway.url): Promise<RawConnection> => {
    const connection = await RawConnection.open(url);
    connections.push(connection);
    return connection;
  };

  beforeAll(async () => {
    gateway = await GatewayProcess.start();
    readers = await Promise.all(drivers.map((driver) => driver.connect({ url: gateway.url, topics: ["a"] })));
  });

  afterEach(async () => {
    for (const connection of connections.splice(0)) connection.cut();
    // Whatever was sent: the gateway runs, and its readers are served.
    expect(gateway.isRunning).toBe(true);
    const had = readers.map(({ inbox }) => inbox.events.length);
    await gateway.publisher.publish({ topic: "a", data: 1 });
    for (const [index, { inbox }] of readers.entries()) await inbox.take((had[index] as number) + 1);
  });

  afterAll(async () => {
    for (const reader of readers) reader.cut();
    await gateway.close();
  });

  test("random bytes: the connection is closed", async () => {
    for (let round = 0; round < 20; round += 1) {
      for (const url of [gateway.url, gateway.adminUrl]) {
        const connection = await open(url);
        connection.send(Buffer.concat([randomBytes(500), Buffer.from("\r\n\r\n")]));
        await connection.untilClosed();
      }
    }
  });

  test("half a request head: 408 as a problem soon after the time-out; one that never says anything is closed", async () => {
    const impatient = await GatewayProcess.start({ limits: { head_timeout: "500ms" } });
    try {
      const [half, silent] = [await open(impatient.url), await open(impatient.url)];
      half.send(HEAD);
      const received = await half.untilClosed();
      expect(received).toMatch(/^HTTP\/1\.1 408 /);
      expect(received).toContain("request-timeout");
      await silent.untilClosed();
    } finally {
      await impatient.close();
    }
  });

  test("headers without an end: 431 as a problem, long before they fill the memory", async () => {
    const connection = await open();
    connection.send(HEAD);
    for (let count = 0; count < 5000 && !connection.isClosed; count += 1)
      connection.send(`x-${count}: ${"y".repeat(50)}\r\n`);
    const received = await connection.untilClosed();
    expect(received).toMatch(/^HTTP\/1\.1 431 /);
    expect(received).toContain("header-too-large");
  });

  test("a URL without an end: 431", async () => {
    const connection = await open();
    connection.send(`GET /realtime/events?topic=${"a".repeat(100_000)} HTTP/1.1\r\nHost: a\r\n\r\n`);
    expect(await connection.untilClosed()).toMatch(/^HTTP\/1\.1 431 /);
  });

  test("a body without an end: 413, before all of it has come", async () => {
    const connection = await open(gateway.adminUrl);
    connection.send(
      "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n[",
    );
    const received = await connection.until("the refusal", (text) => text.includes("\r\n\r\n"));
    expect(received).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("chunks without an end: 413", async () => {
    const connection = await open(gateway.adminUrl);
    connection.send(
      "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    const chunk = `10000\r\n${"[".repeat(0x10000)}\r\n`;
    for (let count = 0; count < 400 && !connection.isClosed && connection.received === ""; count += 1)
      connection.send(chunk);
    const received = await connection.until("the refusal", (text) => text.includes("\r\n\r\n"));
    expect(received).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("deeply nested JSON is refused or taken, and nothing breaks", async () => {
    const deep = `{"topic":"deep","data":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    const answer = await gateway.publisher.send(deep);
    expect([201, 400, 422]).toContain(answer.status);
  });

  test("clients that come and go in the middle of a request", async () => {
    for (let round = 0; round < 50; round += 1) {
      const connection = await open();
      connection.send(`${HEAD}Accept: text/event-stream\r\n\r\n`.slice(0, 10 + round * 2));
      connection.cut();
    }
    await gateway.untilConnections("sse", 1);
    await gateway.untilConnections("websocket", 1);
  });

  test("an upgrade whose client leaves before the answer", async () => {
    for (let round = 0; round < 50; round += 1) {
      const connection = await open();
      connection.send(
        `${HEAD}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
      );
      connection.cut();
    }
    await gateway.untilConnections("websocket", 1);
  });

  test.each([
    [
      "an upgrade to something else",
      `${HEAD}Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n`,
      /^HTTP\/1\.1 (200|400|426) /,
    ],
    [
      "an upgrade without a key",
      `${HEAD}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      /^HTTP\/1\.1 400 /,
    ],
    [
      "an upgrade by POST",
      "POST /realtime/events?topic=a HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nContent-Length: 0\r\n\r\n",
      /^HTTP\/1\.1 4\d\d /,
    ],
    [
      "an upgrade of another path",
      "GET /realtime/other HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
      /^HTTP\/1\.1 404 /,
    ],
    ["CONNECT", "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n", /^(HTTP\/1\.1 4\d\d |$)/],
    ["TRACE", "TRACE /realtime/events?topic=a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", /^HTTP\/1\.1 4\d\d /],
    [
      "an absolute URL",
      "GET http://evil.example/realtime/events?topic=a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      /^HTTP\/1\.1 (200|400|404) /,
    ],
    ["HTTP/2 without asking", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", /^(HTTP\/1\.1 400 |$)/],
    ["TLS to a plain port", Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3]), /^(HTTP\/1\.1 400 |$)/],
  ])("%s is answered or closed", async (_name, bytes, expected) => {
    const connection = await open();
    connection.send(bytes);
    await Promise.race([connection.untilClosed(), connection.until("an answer", (text) => text.includes("\r\n\r\n"))]);
    expect(connection.received).toMatch(expected);
  });
});
