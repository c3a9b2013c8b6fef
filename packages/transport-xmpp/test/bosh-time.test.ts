import { connect, type Socket } from "node:net";
import { ManualClock } from "@sluice/core/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { body, BoshClient } from "./support/bosh-client.ts";
import { until } from "./support/until.ts";
import { XmppServer } from "./support/xmpp-server.ts";

const EMPTY = `<body xmlns="http://jabber.org/protocol/httpbind"/>`;
const GONE = `<body xmlns="http://jabber.org/protocol/httpbind" type="terminate" condition="item-not-found"/>`;
const SECOND_MS = 1000;

let clock: ManualClock;
let server: XmppServer;
let client: BoshClient;
const sockets: Socket[] = [];

beforeEach(async () => {
  clock = new ManualClock();
  server = await XmppServer.start({ clock });
  client = new BoshClient(server.boshUrl);
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  expect(server.errors).toEqual([]);
  await server.stop();
});

/** A request that is held, of a client that will never read the answer, and whose connection stays open. */
async function holdUnread(): Promise<Socket> {
  const former = client.send();
  client.rid += 1;
  const { hostname, port, pathname } = new URL(server.boshUrl);
  const socket = connect(Number(port), hostname);
  sockets.push(socket);
  socket.on("error", () => undefined);
  const text = body({ rid: client.rid, sid: client.sid });
  socket.write(`POST ${pathname} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
  await former;
  return socket;
}

describe("wait", () => {
  test("a request is answered when the time is over, and not before", async () => {
    await client.create({ wait: 20 });
    let isAnswered = false;
    const { answer } = await client.hold();
    void answer.then(() => (isAnswered = true));
    clock.advance(20 * SECOND_MS - 1);
    // An answer would have been written before this one.
    await new BoshClient(server.boshUrl).create();
    expect(isAnswered).toBe(false);
    clock.advance(1);
    expect(await answer).toBe(EMPTY);
  });

  test("a client that polls is answered at once", async () => {
    await client.create({ wait: 0, hold: 0 });
    expect(await client.send()).toBe(EMPTY);
    expect(await client.send()).toBe(EMPTY);
  });
});

describe("inactivity", () => {
  test("a session that nobody asks for ends without a word after 60 s", async () => {
    await client.login();
    clock.advance(60 * SECOND_MS - 1);
    expect(server.counts.connections).toBe(1);
    clock.advance(1);
    expect(server.counts.connections).toBe(0);
    expect(await client.send()).toBe(GONE);
  });

  test("while a request is held it doesn't begin", async () => {
    await client.login({ wait: 120 });
    const { answer } = await client.hold();
    clock.advance(120 * SECOND_MS - 1);
    expect(server.counts.connections).toBe(1);
    clock.advance(1);
    expect(await answer).toBe(EMPTY);
  });

  test("a pause stretches it once", async () => {
    await client.login();
    await client.send("", { pause: 110 });
    clock.advance(110 * SECOND_MS - 1);
    expect(server.counts.connections).toBe(1);
    const { answer } = await client.hold();
    clock.advance(5 * SECOND_MS);
    await answer;
    clock.advance(60 * SECOND_MS);
    expect(server.counts.connections).toBe(0);
  });

  test("and shortens it; one that is too long does nothing", async () => {
    await client.login();
    await client.send("", { pause: 121 });
    clock.advance(59 * SECOND_MS);
    expect(server.counts.connections).toBe(1);
    await client.send("", { pause: 1 });
    clock.advance(SECOND_MS);
    expect(server.counts.connections).toBe(0);
  });

  test("a client whose connection broke has it from then on, whatever wait says", async () => {
    await client.login({ wait: 120 });
    const socket = await holdUnread();
    const timers = clock.pending;
    socket.destroy();
    await until("its loss", () => clock.pending > timers);
    clock.advance(60 * SECOND_MS);
    expect(server.counts.connections).toBe(0);
  });

  test("a client that vanished without closing anything has it once wait is over", async () => {
    await client.login({ wait: 120 });
    await holdUnread();
    clock.advance(120 * SECOND_MS);
    expect(server.counts.connections).toBe(1);
    clock.advance(60 * SECOND_MS);
    expect(server.counts.connections).toBe(0);
  });
});

describe("no login within 30 s", () => {
  test("one that waits for an answer is told", async () => {
    await client.create({ wait: 120 });
    const { answer } = await client.hold();
    clock.advance(30 * SECOND_MS);
    expect(await answer).toMatch(/condition="remote-stream-error".*<connection-timeout /);
    expect(server.counts.connections).toBe(0);
  });

  test("one that is silent is not", async () => {
    await client.create();
    clock.advance(30 * SECOND_MS);
    expect(server.counts.connections).toBe(0);
    expect(await client.send()).toBe(GONE);
  });
});
