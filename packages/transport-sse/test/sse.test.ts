import { Socket } from "node:net";
import { CLOSE_REASONS, type Access, type CloseReason } from "@sluice/core";
import { ManualClock } from "@sluice/core/testing";
import type { HttpTransport } from "@sluice/http";
import { afterEach, describe, expect, test, vi } from "vitest";
import { openAccess, startGateway, until, type Gateway, type GatewayOptions } from "../../http/test/support/gateway.ts";
import { dechunk, RawClient } from "../../http/test/support/raw-client.ts";
import { sse } from "../src/index.ts";
import { parseStream, type Parsed } from "./event-source.ts";

let gateway: Gateway;
const clients: RawClient[] = [];

const options = { heartbeatMs: 15_000, retryMs: 2000 };

async function start(more: Partial<GatewayOptions> = {}): Promise<void> {
  gateway = await startGateway({ transports: [sse(options)], ...more });
}

function open(query: string, headers = "", version = "1.1"): RawClient {
  const client = new RawClient(gateway.port);
  clients.push(client);
  return client.send(
    `GET /realtime/events?${query} HTTP/${version}\r\nHost: x\r\nAccept: text/event-stream\r\n${headers}\r\n`,
  );
}

/** The body so far, taken out of its chunks. */
function bodyOf(client: RawClient): string {
  const { text } = client;
  return dechunk(text.slice(text.indexOf("\r\n\r\n") + 4)).text;
}

const parsed = (client: RawClient): Parsed => parseStream(bodyOf(client));

/** Waits until the stream has dispatched so many events. */
async function events(client: RawClient, count: number): Promise<Parsed["events"]> {
  await until(() => parsed(client).events.length >= count, `${count} events`);
  return parsed(client).events;
}

const data = (seen: Parsed["events"]): unknown[] =>
  seen.map((event) => (JSON.parse(event.data) as { data: unknown }).data);
const readers = (count: number): Promise<void> =>
  until(() => (gateway.connections.get("sse") ?? 0) === count, `${count} readers`);

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await gateway.close();
});

describe("the first bytes", () => {
  test("are a head, and at once the cursor as an id without an event", async () => {
    await start();
    const cursor = await gateway.publish("a", 0);
    const client = open("topic=a");
    const text = await client.holds("\n\n\r\n");
    const head = text.slice(0, text.indexOf("\r\n\r\n")).toLowerCase();
    expect(head.split("\r\n")[0]).toBe("http/1.1 200 ok");
    expect(head).toContain("\r\ncontent-type: text/event-stream\r\n");
    expect(head).toContain("\r\ncache-control: no-cache, no-transform\r\n");
    expect(head).toContain("\r\nx-accel-buffering: no\r\n");
    expect(head).toContain("\r\ntransfer-encoding: chunked");
    expect(head).toMatch(/\r\ndate: \w{3}, /);
    expect(parsed(client)).toMatchObject({ events: [], lastEventId: cursor, comments: [`cursor ${cursor}`] });
  });

  test("tell each reader another time to come back", async () => {
    await start();
    const all = Array.from({ length: 10 }, () => open("topic=a"));
    await Promise.all(all.map((client) => client.holds("\n\n\r\n")));
    const retries = all.map((client) => parsed(client).retries[0] ?? 0);
    expect(new Set(retries).size).toBeGreaterThan(1);
    for (const retry of retries) expect(Math.abs(retry - 2000)).toBeLessThanOrEqual(500);
  });

  test("carry CORS", async () => {
    await start({ cors: { origins: ["https://app.example"], hasCredentials: true } });
    const text = await open("topic=a", "Origin: https://app.example\r\n").holds("\n\n\r\n");
    expect(text).toContain("access-control-allow-origin: https://app.example\r\n");
    expect(text).toContain("access-control-allow-credentials: true\r\n");
    expect(text).toContain("vary: Origin\r\n");
  });

  test("with pad=1 are 2 KiB of comment", async () => {
    await start();
    const client = open("topic=a&pad=1");
    await client.holds("\n\n\r\n");
    expect(bodyOf(client).indexOf("retry:")).toBe(2048);
  });

  test("for HEAD are the head, and no reader", async () => {
    await start();
    const response = await fetch(`${gateway.origin}/realtime/events?topic=a&transport=sse`, { method: "HEAD" });
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
    expect([gateway.seats.taken, gateway.connections.get("sse") ?? 0]).toEqual([0, 0]);
  });

  test("over HTTP/1.0 have no chunks", async () => {
    await start();
    const client = open("topic=a", "", "1.0");
    await client.holds("\n\n");
    await gateway.publish("a", 1);
    await client.holds("data: ");
    expect(client.text).not.toMatch(/transfer-encoding/i);
    const body = client.text.slice(client.text.indexOf("\r\n\r\n") + 4);
    expect(data(parseStream(body).events)).toEqual([1]);
    expect(body.startsWith("retry: ")).toBe(true);
  });
});

describe("events", () => {
  test("are id and data alone, with the JSON of every other transport", async () => {
    await start();
    const client = open("topic=a/*");
    await client.holds("\n\n\r\n");
    const cursor = await gateway.publish("a/1", { s: "x\u2028\n\r\u0000é🍕" }, { type: "order.ready" });
    const [event] = await events(client, 1);
    expect(event).toEqual({
      type: "message",
      lastEventId: cursor,
      data: expect.stringContaining(`"cursor":"${cursor}"`),
    });
    expect(JSON.parse(event?.data ?? "")).toMatchObject({ data: { s: "x\u2028\n\r\u0000é🍕" }, type: "order.ready" });
    expect(bodyOf(client)).toContain(`id: ${cursor}\ndata: {`);
    expect(bodyOf(client)).not.toContain("event:");
  });

  test("with named=1 have their type", async () => {
    await start();
    const client = open("topic=a&named=1");
    await client.holds("\n\n\r\n");
    await gateway.publish("a", 1, { type: "order.ready" });
    expect(await events(client, 1)).toMatchObject([{ type: "order.ready" }]);
  });

  test("that come together go in one chunk", async () => {
    await start();
    const client = open("topic=a&after=earliest");
    await client.holds("\n\n\r\n");
    const batch = JSON.stringify([1, 2, 3].map((n) => ({ topic: "a", data: n })));
    await fetch(`${gateway.origin}/realtime/events`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: batch,
    });
    await events(client, 3);
    expect(client.text.split(/\r\n[0-9a-f]+\r\n/)).toHaveLength(3); // head, opening, one batch
  });
});

describe("where a stream begins", () => {
  test("after a cursor, and the first id is that cursor", async () => {
    await start();
    const cursor = await gateway.publish("a", 1);
    await gateway.publish("a", 2);
    const client = open(`topic=a&after=${cursor}`);
    expect(data(await events(client, 1))).toEqual([2]);
    expect(bodyOf(client).indexOf(`id: ${cursor}\n`)).toBeLessThan(bodyOf(client).indexOf("data:"));
  });

  test("Last-Event-ID wins over after", async () => {
    await start();
    const first = await gateway.publish("a", 1);
    const second = await gateway.publish("a", 2);
    await gateway.publish("a", 3);
    const client = open(`topic=a&after=${first}`, `Last-Event-ID: ${second}\r\n`);
    expect(data(await events(client, 1))).toEqual([3]);
  });

  test("with the newest N, and a client that drops before them gets them all", async () => {
    await start();
    for (let n = 1; n <= 5; n += 1) await gateway.publish("a", n);
    await gateway.publish("b", "other");
    const client = open("topic=a&last=2");
    expect(data(await events(client, 2))).toEqual([4, 5]);
    await gateway.publish("a", 6);
    expect(data(await events(client, 3))).toEqual([4, 5, 6]);
    const firstId = /^id: (.*)$/m.exec(bodyOf(client))?.[1] ?? "";
    expect(data(await events(open("topic=a&last=2", `Last-Event-ID: ${firstId}\r\n`), 3))).toEqual([4, 5, 6]);
  });

  test("with the newest N of nothing", async () => {
    await start();
    const cursor = await gateway.publish("b", 1);
    const client = open("topic=a&last=2");
    await client.holds("\n\n\r\n");
    expect(parsed(client).lastEventId).toBe(cursor);
    await gateway.publish("a", 1);
    expect(data(await events(client, 1))).toEqual([1]);
  });

  test("a gap is told before the events, once, and its id is behind it", async () => {
    await start();
    const first = await gateway.publish("a", 1);
    await gateway.publish("a", 2);
    const third = await gateway.publish("a", 3);
    gateway.setRetention({ ageMs: 3_600_000, events: 1, bytes: 1_000_000 });
    const client = open(`topic=a&after=${first}`);
    const seen = await events(client, 2);
    expect(seen[0]?.type).toBe("gap");
    const gap = JSON.parse(seen[0]?.data ?? "") as { resumed_at: string };
    expect(gap).toEqual({ after: first, resumed_at: seen[0]?.lastEventId, reason: "expired" });
    expect(seen[1]?.lastEventId).toBe(third);
    const resumed = await events(open("topic=a", `Last-Event-ID: ${gap.resumed_at}\r\n`), 1);
    expect(resumed).toMatchObject([{ type: "message", lastEventId: third }]);
  });

  test("a cursor of another log is told as such, also to a client that drops before it hears", async () => {
    await start();
    const client = open("topic=a&after=another-7");
    const [gap] = await events(client, 1);
    expect(JSON.parse(gap?.data ?? "")).toMatchObject({ after: "another-7", reason: "reset" });
    expect(/^id: (.*)$/m.exec(bodyOf(client))?.[1]).toBe("another-7");
  });
});

describe("heartbeats", () => {
  test("bring the log's newest cursor where nothing else was sent, and no event", async () => {
    const clock = new ManualClock();
    await start({ clock });
    const client = open("topic=a");
    await client.holds("\n\n\r\n");
    const elsewhere = await gateway.publish("b", 1);
    clock.advance(15_000);
    await client.holds("heartbeat");
    await until(() => parsed(client).lastEventId === elsewhere);
    expect(parsed(client).events).toEqual([]);
    const cursor = await gateway.publish("a", 2);
    await events(client, 1);
    clock.advance(11_000);
    await gateway.publish("a", 3);
    await events(client, 2);
    expect(parsed(client).comments.filter((comment) => comment === "heartbeat")).toHaveLength(1);
    clock.advance(15_000);
    await client.holds("heartbeat", 2);
    expect(parsed(client).lastEventId).not.toBe(cursor);
  });

  test("come from one timer, however many readers there are", async () => {
    const clock = new ManualClock();
    await start({ clock });
    const idle = clock.pending;
    for (let n = 0; n < 50; n += 1) open("topic=a");
    await readers(50);
    expect(clock.pending).toBe(idle + 1);
    for (const client of clients) client.destroy();
    await readers(0);
    expect(clock.pending).toBe(idle);
  });
});

describe("readers that come and go", () => {
  test("one that goes away frees everything at once", async () => {
    await start();
    const client = open("topic=a");
    await readers(1);
    expect([gateway.seats.taken, gateway.bus.audienceCount]).toEqual([1, 1]);
    client.destroy();
    await readers(0);
    expect([gateway.seats.taken, gateway.bus.audienceCount]).toEqual([0, 0]);
  });

  test("one that half closes is gone too", async () => {
    await start();
    const client = open("topic=a");
    await client.holds("\n\n\r\n");
    client.socket.end();
    await client.closed();
    await readers(0);
    expect(gateway.seats.taken).toBe(0);
  });

  test("what a client says on its stream is passed over, a second request too", async () => {
    await start();
    const client = open("topic=a");
    await client.holds("\n\n\r\n");
    client.send("GET /realtime/events?topic=b&transport=sse HTTP/1.1\r\nHost: x\r\n\r\n");
    client.send("x".repeat(1_000_000));
    await gateway.publish("b", "no");
    await gateway.publish("a", "yes");
    expect(data(await events(client, 1))).toEqual(["yes"]);
    expect(client.text.split("HTTP/1.1")).toHaveLength(2);
    expect(gateway.seats.taken).toBe(1);
  });

  test("a second request in the same packet does no harm", async () => {
    await start();
    const client = new RawClient(gateway.port);
    clients.push(client);
    const request = (topic: string): string =>
      `GET /realtime/events?topic=${topic} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n`;
    client.send(request("a") + request("b"));
    await client.holds("\n\n\r\n");
    await gateway.publish("b", "no");
    await gateway.publish("a", "yes");
    expect(data(await events(client, 1))).toEqual(["yes"]);
    expect(client.text.split("HTTP/1.1")).toHaveLength(2);
    await readers(1);
    expect(gateway.seats.taken).toBe(1);
    client.destroy();
    await readers(0);
    expect([gateway.seats.taken, gateway.errors]).toEqual([0, []]);
  });

  test("a stream behind another answer of the same connection works", async () => {
    await start();
    const client = new RawClient(gateway.port);
    clients.push(client);
    client.send("GET /realtime/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
    await client.holds('"code":"invalid-parameter"');
    client.send("GET /realtime/events?topic=a HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
    await client.holds("\n\n\r\n");
    await gateway.publish("a", 1);
    await client.holds("data: ");
    expect(client.text.indexOf("HTTP/1.1 400")).toBe(0);
  });

  test("the server's own bookkeeping lets go of a stream", async () => {
    await start({ headTimeoutMs: 200 });
    const client = open("topic=a");
    await client.holds("\n\n\r\n");
    // Longer than the time that a head may take: nothing of HTTP is left to time it.
    const other = new RawClient(gateway.port);
    await other.closed();
    await gateway.publish("a", 1);
    expect(data(await events(client, 1))).toEqual([1]);
  });
});

describe("on a connection that is not a plain socket", () => {
  class OtherSocket extends Socket {}

  async function startOnOtherSockets(): Promise<HttpTransport> {
    const transport = sse(options);
    await start({ transports: [transport] });
    gateway.fastify.server.prependListener("connection", (socket: Socket) => {
      Object.setPrototypeOf(socket, OtherSocket.prototype);
    });
    return transport;
  }

  test("a stream is the same, only fatter", async () => {
    await startOnOtherSockets();
    const client = open("topic=a");
    await client.holds("\n\n\r\n");
    client.send("GET /realtime/events?topic=b&transport=sse HTTP/1.1\r\nHost: x\r\n\r\n");
    await gateway.publish("b", "no");
    await gateway.publish("a", "yes");
    expect(data(await events(client, 1))).toEqual(["yes"]);
    expect(client.text.split("HTTP/1.1")).toHaveLength(2);
    const other = open("topic=a");
    await readers(2);
    client.destroy();
    other.socket.end();
    await other.closed();
    await readers(0);
    expect([gateway.seats.taken, gateway.errors]).toEqual([0, []]);
  });

  test("it ends as a whole body too", async () => {
    const transport = await startOnOtherSockets();
    const client = open("topic=a");
    await client.holds("\n\n\r\n");
    await transport.drain(CLOSE_REASONS.draining, 0, new AbortController().signal);
    const text = await client.closed();
    expect(dechunk(text.slice(text.indexOf("\r\n\r\n") + 4)).isWhole).toBe(true);
  });
});

describe("slow readers", () => {
  test("one that reads nothing is left behind, costs a batch, and gets everything when it reads", async () => {
    await start({ retention: { ageMs: 3_600_000, events: 100_000, bytes: 200_000_000 } });
    const slow = open("topic=a");
    await slow.holds("\n\n\r\n");
    slow.socket.pause();
    const quick = open("topic=a");
    await quick.holds("\n\n\r\n");
    const payload = "x".repeat(60_000);
    const count = 300;
    for (let n = 0; n < count; n += 1) {
      await gateway.publish("a", [n, payload]);
      if (n % 10 === 0) await until(() => quick.text.length > n * payload.length);
    }
    expect(gateway.leftBehind).toBeGreaterThan(0);
    slow.socket.resume();
    await until(() => slow.text.length > count * payload.length);
    const numbers = data(await events(slow, count)).map((value) => (value as [number])[0]);
    expect(numbers).toEqual(Array.from({ length: count }, (_, n) => n));
    expect(data(await events(quick, count))).toHaveLength(count);
  });

  test("one that takes nothing for five minutes is given up", async () => {
    const clock = new ManualClock();
    await start({ clock, retention: { ageMs: 3_600_000, events: 100_000, bytes: 200_000_000 } });
    const client = open("topic=a");
    await client.holds("\n\n\r\n");
    client.socket.pause();
    const payload = "x".repeat(200_000);
    await until(async () => {
      await gateway.publish("a", payload);
      return gateway.leftBehind > 0;
    });
    clock.advance(280_000);
    expect(gateway.connections.get("sse")).toBe(1);
    clock.advance(40_000);
    await readers(0);
    expect(gateway.seats.taken).toBe(0);
  });
});

describe("the end of grants", () => {
  test.each(["token-expired", "grant-revoked"] as const)("%s ends the stream as a whole body", async (code) => {
    let end: (reason: CloseReason) => void = () => undefined;
    const release = vi.fn<() => void>();
    const access: Access = {
      ...openAccess,
      guard: (_principal, _filters, onEnd) => {
        end = onEnd;
        return { replace: () => undefined, release };
      },
    };
    await start({ access });
    const client = open("topic=a");
    await client.holds("\n\n\r\n");
    end(CLOSE_REASONS[code]);
    const text = await client.closed();
    const body = dechunk(text.slice(text.indexOf("\r\n\r\n") + 4));
    expect(body.isWhole).toBe(true);
    expect(parseStream(body.text).comments).toContain(code);
    await readers(0);
    expect(gateway.seats.taken).toBe(0);
    expect(release).toHaveBeenCalled();
  });

  test("a guard that says no at once ends it before any event", async () => {
    const access: Access = {
      ...openAccess,
      guard: (_principal, _filters, onEnd) => {
        onEnd(CLOSE_REASONS["token-expired"]);
        return { replace: () => undefined, release: () => undefined };
      },
    };
    await start({ access });
    await gateway.publish("a", 1);
    const text = await open("topic=a&after=earliest").closed();
    expect(text).not.toContain("data:");
    await readers(0);
  });
});

describe("draining", () => {
  test("ends streams one by one over the time, each as a whole body with a retry of its own", async () => {
    const clock = new ManualClock();
    const transport = sse(options);
    await start({ clock, transports: [transport] });
    const all = Array.from({ length: 20 }, () => open("topic=a"));
    await Promise.all(all.map((client) => client.holds("\n\n\r\n")));
    const drained = transport.drain(CLOSE_REASONS.draining, 10_000, new AbortController().signal);
    for (let second = 1; second <= 10; second += 1) {
      clock.advance(1000);
      await readers(20 - 2 * second);
    }
    await drained;
    for (const client of all) {
      const text = await client.closed();
      const body = dechunk(text.slice(text.indexOf("\r\n\r\n") + 4));
      expect(body.isWhole).toBe(true);
      const { retries, comments } = parseStream(body.text);
      expect(retries).toHaveLength(2);
      expect(comments).toContain("draining");
    }
  });

  test("new readers are refused, and a client that does not go is cut at the deadline", async () => {
    const transport = sse(options);
    await start({ transports: [transport] });
    const stuck = open("topic=a");
    await stuck.holds("\n\n\r\n");
    stuck.socket.pause();
    const deadline = new AbortController();
    const drained = transport.drain(CLOSE_REASONS.draining, 60_000, deadline.signal);
    const late = await fetch(`${gateway.origin}/realtime/events?topic=a&transport=sse`);
    expect([late.status, late.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await late.json()).toMatchObject({ code: "draining" });
    deadline.abort();
    await drained;
    await readers(0);
    await transport.drain(CLOSE_REASONS.draining, 0, AbortSignal.abort());
  });
});
