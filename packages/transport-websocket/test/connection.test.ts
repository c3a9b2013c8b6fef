import { randomBytes } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { CLOSE_REASONS } from "@sluice/core";
import { ManualClock } from "@sluice/core/testing";
import { afterEach, describe, expect, it } from "vitest";
import { CLOSE_CODES } from "../src/index.ts";
import { Client } from "./client.ts";
import { clientFrame, RawClient } from "./raw-client.ts";
import { TestServer, type TestServerOptions } from "./test-server.ts";
import { until } from "./until.ts";

const TEXT = 0x81;
const PING = 0x89;
const PONG = 0x8a;
const HEARTBEAT_MS = 25_000;

let server: TestServer;
const clients: { close(): void }[] = [];

async function start(options: TestServerOptions = {}): Promise<TestServer> {
  server = await TestServer.start(options);
  server.access.add("all", ["**"], ["**"]);
  return server;
}

async function open(query = "", token = "all"): Promise<Client> {
  const client = await Client.open(server.url(query), token);
  clients.push(client);
  return client;
}

async function openRaw(query = "", headers: readonly string[] = ["Authorization: Bearer all"]): Promise<RawClient> {
  const client = await RawClient.open(server.port, query, headers);
  clients.push(client);
  return client;
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server.close();
});

describe("the handshake", () => {
  it("takes sluice.v1 and goes on without a subprotocol that it does not know", async () => {
    await start();
    const known = await Client.open(server.url(), "all", {}, ["other", "sluice.v1"]);
    expect(known.socket.protocol).toBe("sluice.v1");
    known.close();
    const unknown = await openRaw("", ["Sec-WebSocket-Protocol: other"]);
    expect(unknown.head).toMatch(/^HTTP\/1\.1 101 /);
    expect(unknown.head).not.toMatch(/Sec-WebSocket-Protocol/i);
    const compressed = await openRaw("", ["Sec-WebSocket-Extensions: permessage-deflate"]);
    expect(compressed.head).not.toMatch(/Sec-WebSocket-Extensions/i);
    await until("the welcome", () => compressed.texts.length === 1);
  });

  it("is refused with a status before the upgrade", async () => {
    await start();
    const refused = await openRaw("topic=secret", []);
    expect(refused.head).toMatch(/^HTTP\/1\.1 401 /);
    expect(server.counts.connections).toBe(0);
    expect(server.seats.taken).toBe(0);
  });

  it("gives the seat back when it fails at the last moment", async () => {
    await start();
    const client = await openRaw("topic=a", ["Authorization: Bearer all", "Sec-WebSocket-Key: short"]);
    expect(client.head).toMatch(/^HTTP\/1\.1 400 /);
    await until("the seat", () => server.seats.taken === 0);
    expect(server.counts.connections).toBe(0);
  });

  it("takes messages that come right behind it", async () => {
    await start();
    const client = await RawClient.open(server.port, "", ["Authorization: Bearer all"]);
    clients.push(client);
    client.write(clientFrame(TEXT, '{"op":"ping","ref":1}'));
    await until("the pong", () => client.texts.some((text) => text.includes('"pong","ref":1')));
  });
});

describe("the URL", () => {
  it("subscribes at once", async () => {
    await start();
    const client = await open("topic=a&topic=b/*&type=x");
    await server.publish("a", 1, "x");
    await server.publish("a", 2, "y");
    await server.publish("b/c", 3, "x");
    await client.untilData([1, 3]);
    expect(client.messages.map((message) => message["op"] ?? message["data"])).toEqual(["welcome", 1, 3]);
  });

  it("replays, tells a gap and live without a ref; the welcome tells where it starts", async () => {
    await start({ retention: { events: 2 } });
    const before = server.bus.cursor;
    for (const data of [1, 2, 3]) await server.publish("a", data);
    const client = await open(`topic=a&after=${before}`);
    const live = await client.op("live");
    expect(client.messages.map((message) => message["op"] ?? message["data"])).toEqual([
      "welcome",
      "gap",
      2,
      3,
      "live",
    ]);
    expect(client.messages[0]?.["cursor"]).toBe(before);
    expect(Object.keys(await client.op("gap"))).toEqual(["op", "after", "resumed_at", "reason"]);
    expect(live).toEqual({ op: "live", cursor: server.bus.cursor });
    const last = await open("topic=a&last=1");
    await last.op("live");
    expect(last.data).toEqual([3]);
  });
});

describe("frames", () => {
  it.each([
    ["a reserved bit", clientFrame(0xc1, "{}"), 1002, "invalid-message"],
    ["an unknown opcode", clientFrame(0x83, "{}"), 1002, "invalid-message"],
    ["no mask", clientFrame(TEXT, "{}", false), 1002, "invalid-message"],
    ["a continuation of nothing", clientFrame(0x80, "{}"), 1002, "invalid-message"],
    ["a fragmented ping", clientFrame(0x09, ""), 1002, "invalid-message"],
    ["a long ping", clientFrame(PING, "x".repeat(126)), 1002, "invalid-message"],
    ["a close frame of one byte", clientFrame(0x88, "x"), 1002, "invalid-message"],
    ["a close code that may not be sent", clientFrame(0x88, Buffer.from([0x03, 0xed])), 1002, "invalid-message"],
    ["bad UTF-8", clientFrame(TEXT, Buffer.from([0x22, 0xc3, 0x28, 0x22])), 1007, "invalid-message"],
    ["a message over the limit", clientFrame(TEXT, "x".repeat(65_537)), 1009, "too-large"],
    ["2^63 bytes announced", Buffer.from([TEXT, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]), 1009, "too-large"],
    [
      "many fragments",
      Buffer.concat([clientFrame(0x01, ""), ...Array.from({ length: 1100 }, () => clientFrame(0, ""))]),
      1008,
      "invalid-message",
    ],
  ])("%s closes the connection and disturbs nobody", async (_what, bytes, code, refused) => {
    await start();
    const other = await open("topic=a");
    const client = await openRaw();
    client.write(bytes);
    expect(await client.untilClosed()).toBe(code);
    await until("the end", () => server.counts.connections === 1);
    expect(server.seats.taken).toBe(1);
    expect(server.refused).toEqual([refused]);
    await server.publish("a", 1);
    await other.untilData([1]);
  });

  it("survives noise", async () => {
    await start();
    const other = await open("topic=a");
    for (let round = 0; round < 50; round += 1) {
      const client = await openRaw("topic=a");
      client.write(randomBytes(1 + ((round * 97) % 3000)));
      client.socket.end();
    }
    await until("the ends", () => server.counts.connections === 1);
    await server.publish("a", 1);
    await other.untilData([1]);
  });

  it("takes a message in fragments, and a limit that a reload has changed for who comes then", async () => {
    await start();
    const client = await openRaw();
    client.write(
      Buffer.concat([clientFrame(0x01, '{"op":"pi'), clientFrame(PING, "x"), clientFrame(0x80, 'ng","ref":1}')]),
    );
    await until("the pong", () => client.texts.some((text) => text.includes('"pong","ref":1')));
    expect(client.frames.find(({ opcode }) => opcode === 10)?.payload.toString()).toBe("x");
    server.limits = { ...server.limits, messageBytes: 20 };
    const later = await openRaw();
    later.write(clientFrame(TEXT, '{"op":"ping","ref":1}'));
    expect(await later.untilClosed()).toBe(1009);
  });

  it("frames events of every length", async () => {
    await start({ limits: { messageBytes: 10 } });
    const client = await open("topic=a");
    const sizes = [0, 1, 10, 30, 65_300, 65_400, 65_450, 65_535, 65_536, 200_000];
    for (const size of sizes) await server.publish("a", "é".repeat(size / 2) + "x".repeat(size % 2));
    await client.untilData(sizes);
    expect(client.data.map((data) => Buffer.byteLength(data as string))).toEqual(sizes);
  });
});

describe("the end", () => {
  it("answers the client's close, and lets go of everything", async () => {
    await start();
    const client = await open("topic=a");
    expect(server.counts.connections).toBe(1);
    expect(server.seats.taken).toBe(1);
    client.socket.close(1000, "bye");
    expect((await client.untilClosed()).code).toBe(1000);
    await until("the end", () => server.counts.connections === 0);
    expect(server.seats.taken).toBe(0);
    expect(server.access.guards.size).toBe(0);
    expect(server.bus.audienceCount).toBe(0);
  });

  it("comes with that of the server, which waits for nobody", async () => {
    await start();
    const client = await open("topic=a");
    const deaf = await openRaw("topic=a");
    deaf.socket.pause();
    await server.close();
    await until("the ends", () => server.counts.connections === 0);
    expect((await client.untilClosed()).code).toBe(1006);
  });

  it("comes with the code of its reason", async () => {
    await start();
    for (const [code, closeCode] of Object.entries(CLOSE_CODES)) {
      if (code === "draining") continue;
      const client = await open("topic=a");
      const [guard] = server.access.guards;
      expect(guard?.filters().map(({ text }) => text)).toEqual(["a"]);
      guard?.end(CLOSE_REASONS[code as keyof typeof CLOSE_REASONS]);
      await server.publish("a");
      expect((await client.untilClosed()).code).toBe(closeCode);
      expect(client.events).toEqual([]);
      await until("the end", () => server.counts.connections === 0);
    }
  });
});

describe("heartbeats", () => {
  it("pings, and tells the cursor only to who has heard nothing", async () => {
    const clock = new ManualClock();
    await start({ clock });
    const quiet = await open("topic=quiet");
    const busy = await open("topic=busy");
    for (let beat = 1; beat <= 4; beat += 1) {
      await server.publish("busy", beat);
      clock.advance(HEARTBEAT_MS);
      await until("the pings", () => quiet.pings === beat && busy.pings === beat);
      await until("the heartbeat", () => quiet.ops.length === 1 + beat);
      expect(quiet.ops.at(-1)).toEqual({ op: "heartbeat", cursor: server.bus.cursor });
      await quiet.ask({ op: "ping", ref: beat });
      quiet.messages.pop();
    }
    expect(busy.ops.map((op) => op["op"])).toEqual(["welcome"]);
    expect(busy.data).toEqual([1, 2, 3, 4]);
  });

  it("ends who leaves two pings unanswered, with the third beat", async () => {
    const clock = new ManualClock();
    await start({ clock });
    const deaf = await openRaw("topic=a");
    const alive = await open("topic=a");
    for (let beat = 1; beat <= 2; beat += 1) {
      clock.advance(HEARTBEAT_MS);
      await until(
        "the pings",
        () => deaf.frames.filter(({ opcode }) => opcode === 9).length === beat && alive.pings === beat,
      );
      await alive.ask({ op: "ping", ref: beat });
    }
    expect(server.counts.connections).toBe(2);
    clock.advance(HEARTBEAT_MS);
    await until("the end", () => deaf.isEnded);
    await until("the end", () => server.counts.connections === 1);
    expect(alive.closed).toBeNull();
  });

  it("takes any sign of life for an answer", async () => {
    const clock = new ManualClock();
    await start({ clock });
    const client = await openRaw("topic=a");
    for (let beat = 1; beat <= 6; beat += 1) {
      clock.advance(HEARTBEAT_MS);
      await until("the ping", () => client.frames.filter(({ opcode }) => opcode === 9).length === beat);
      if (beat % 2 === 1) continue;
      client.write(beat === 4 ? clientFrame(PONG, "") : clientFrame(PING, "x"));
      client.write(clientFrame(PING, `${beat}`));
      await until("the pong", () =>
        client.frames.some(({ opcode, payload }) => opcode === 10 && String(payload) === `${beat}`),
      );
    }
    expect(client.isEnded).toBe(false);
  });
});

describe("a client that does not read", () => {
  const BIG = "x".repeat(60_000);

  async function publishMuch(topic: string, count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) {
      await server.publish(topic, BIG);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  setFlagsFromString("--no-expose-gc");

  /** What buffers hold that somebody still needs. */
  function heldBytes(): number {
    collectGarbage();
    return process.memoryUsage().arrayBuffers;
  }

  it("costs no more than a batch, and gets all once it reads", async () => {
    await start({ retention: { bytes: 2 ** 30 } });
    const slow = await open("topic=a");
    slow.socket.pause();
    const before = heldBytes();
    await publishMuch("a", 600);
    expect(server.bus.audienceCount).toBeLessThanOrEqual(1);
    // The log keeps strings; what the sockets and batches hold is counted as array buffers.
    expect(heldBytes() - before).toBeLessThan(8 * 2 ** 20);
    expect(server.counts.delivered).toBeLessThan(400);
    slow.socket.resume();
    await until("all events", () => slow.events.length === 600);
    expect(new Set(slow.events.map((event) => event["cursor"])).size).toBe(600);
  });

  it("is closed with 4408 when retention has passed it by", async () => {
    await start({ retention: { events: 20 } });
    const slow = await open("topic=a");
    slow.socket.pause();
    await publishMuch("a", 400);
    slow.socket.resume();
    expect((await slow.untilClosed()).code).toBe(4408);
    const cursors = slow.events.map((event) => event["cursor"]);
    expect(cursors.length).toBeLessThan(400);
    expect(server.counts.gaps).toBe(1);
    await until("the end", () => server.counts.connections === 0);
  });

  it("is alive as long as it takes something, and dead when it takes nothing", async () => {
    const clock = new ManualClock();
    await start({ clock });
    const slow = await open("topic=a");
    slow.socket.pause();
    for (let beat = 1; beat <= 6; beat += 1) {
      await publishMuch("a", 150);
      const had = server.counts.delivered;
      expect(had).toBeLessThan(beat * 150);
      clock.advance(HEARTBEAT_MS);
      slow.socket.resume();
      await until("some to be taken", () => server.counts.delivered > had);
      slow.socket.pause();
    }
    expect(server.counts.connections).toBe(1);
    expect(slow.pings).toBe(0);
    await publishMuch("a", 150);
    clock.advance(4 * HEARTBEAT_MS);
    await until("the end", () => server.counts.connections === 0);
  });

  it("costs no more for the newest N of large events", async () => {
    await start({ retention: { bytes: 2 ** 30 } });
    for (let n = 0; n < 100; n += 1) await server.publish("a", `${n} ${"y".repeat(250_000)}`);
    const slow = await open();
    slow.socket.pause();
    const before = heldBytes();
    slow.send({ op: "subscribe", ref: 1, topics: ["a"], last: 100 });
    await until("some to be sent", () => server.counts.delivered > 0);
    for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(heldBytes() - before).toBeLessThan(10 * 2 ** 20);
    expect(server.counts.delivered).toBeLessThan(100);
    slow.socket.resume();
    await slow.op("live", 1);
    expect(slow.data.map((data) => Number.parseInt(data as string, 10))).toEqual(
      Array.from({ length: 100 }, (_, n) => n),
    );
  });

  it("is heard all the same", async () => {
    await start();
    const slow = await open("topic=a&topic=b");
    slow.socket.pause();
    await publishMuch("a", 300);
    slow.send({ op: "unsubscribe", ref: 1, topics: ["a"] });
    slow.socket.resume();
    await slow.op("unsubscribed", 1);
    expect(slow.events.length).toBeLessThan(300);
    await server.publish("a", 1);
    await server.publish("b", 2);
    await until("what is still subscribed", () => slow.data.at(-1) === 2);
    expect(slow.data).not.toContain(1);
  });

  it("is not read from either, while its answers pile up", async () => {
    await start({ limits: { messagesPerSecond: 1_000_000 } });
    const deaf = await openRaw();
    deaf.socket.pause();
    const ping = clientFrame(PING, "x".repeat(125));
    const message = clientFrame(TEXT, `{"op":"unsubscribe","topics":["${"y".repeat(900)}"]}`);
    const flood = Buffer.concat(Array.from({ length: 64 }, () => [ping, message]).flat());
    let sent = 0;
    // Until the gateway takes nothing for a while: all buffers between the two are full.
    for (let idleTurns = 0; idleTurns < 2000;) {
      if (deaf.socket.writableLength < flood.length) {
        deaf.write(flood);
        sent += flood.length;
        idleTurns = 0;
      }
      idleTurns += 1;
      await new Promise((resolve) => setImmediate(resolve));
      expect(sent).toBeLessThan(100 * 2 ** 20);
    }
    expect(deaf.isEnded).toBe(false);
    const other = await open("topic=a");
    await server.publish("a", 1);
    await other.untilData([1]);
  });
});

describe("limits of messages", () => {
  it("refuses what is over the rate, with its ref, and stays", async () => {
    const clock = new ManualClock();
    await start({ clock, limits: { messagesPerSecond: 5 } });
    const client = await open();
    for (let ref = 1; ref <= 9; ref += 1) client.send({ op: "ping", ref });
    await until("the answers", () => client.ops.length === 10);
    expect(client.ops.filter((op) => op["op"] === "pong").map((op) => op["ref"])).toEqual([1, 2, 3, 4, 5]);
    const errors = client.ops.filter((op) => op["op"] === "error");
    expect(errors.map((op) => [op["ref"], op["code"]])).toEqual([6, 7, 8, 9].map((ref) => [ref, "rate-limited"]));
    clock.advance(1000);
    expect(await client.ask({ op: "ping", ref: 10 })).toMatchObject({ op: "pong" });
  });

  it.each([
    ["messages", clientFrame(TEXT, '{"op":"ping"}')],
    ["bad messages", clientFrame(TEXT, "{")],
    ["binary messages", clientFrame(0x82, "x")],
    ["pings", clientFrame(PING, "")],
    ["pongs", clientFrame(PONG, "")],
  ])("closes with 1008 on a flood of %s", async (_what, frame) => {
    await start({ clock: new ManualClock(), limits: { messagesPerSecond: 5 } });
    const client = await openRaw();
    client.write(Buffer.concat(Array.from({ length: 15 }, () => frame)));
    await until("the answers", () => server.refused.length >= 0 && client.frames.length >= 1);
    client.write(Buffer.concat(Array.from({ length: 10 }, () => frame)));
    expect(await client.untilClosed()).toBe(1008);
    expect(server.refused).toContain("flood");
  });
});

describe("drain", () => {
  it("sends readers away one by one, each told when to come back", async () => {
    const clock = new ManualClock();
    await start({ clock });
    const readers: Client[] = [];
    for (let n = 0; n < 10; n += 1) readers.push(await open("topic=a"));
    const ends = (): number => readers.filter(({ closed }) => closed !== null).length;
    const drained = server.transport.drain(CLOSE_REASONS.draining, 10_000, new AbortController().signal);
    await until("the first", () => ends() === 1);
    clock.advance(5000);
    await until("the half", () => ends() === 5);
    clock.advance(4000);
    await until("all but one", () => ends() === 9);
    const late = await open("topic=a");
    expect((await late.untilClosed()).code).toBe(1001);
    clock.advance(1000);
    await drained;
    await until("all", () => ends() === 10);
    const waits = readers.map(({ ops }) => ops.at(-1)?.["reconnect_after_ms"] as number);
    expect(readers.every(({ ops, closed }) => ops.at(-1)?.["op"] === "closing" && closed?.code === 1001)).toBe(true);
    expect(new Set(waits).size).toBeGreaterThan(5);
    for (const wait of waits) expect(wait).toBeGreaterThanOrEqual(500);
    for (const wait of waits) expect(wait).toBeLessThan(1500);
  });

  it("cuts off who does not go by the deadline", async () => {
    await start();
    const stubborn = await openRaw("topic=a");
    const deadline = new AbortController();
    const drained = server.transport.drain(CLOSE_REASONS.draining, 0, deadline.signal);
    expect(await stubborn.untilClosed()).toBe(1001);
    expect(server.counts.connections).toBe(1);
    deadline.abort();
    await drained;
    await until("the end", () => stubborn.isEnded);
    expect(server.counts.connections).toBe(0);
    expect(server.seats.taken).toBe(0);
  });

  it("is done at once without readers", async () => {
    await start();
    await server.transport.drain(CLOSE_REASONS.draining, 10_000, new AbortController().signal);
    expect(server.counts.connections).toBe(0);
  });
});
