import {
  CLOSE_REASONS,
  MAX_EVENTS_PER_PUBLICATION,
  parsePublication,
  type Access,
  type CloseReason,
} from "@sluice/core";
import { ManualClock } from "@sluice/core/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { openAccess, startGateway, until, type Gateway, type GatewayOptions } from "../../http/test/support/gateway.ts";
import { RawClient } from "../../http/test/support/raw-client.ts";
import { longPolling } from "../src/index.ts";
import { PageCodec } from "../src/page-codec.ts";

let gateway: Gateway;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly data: readonly unknown[];
  readonly cursor: string;
  readonly gap: unknown;
}

async function poll(path: string, headers: Record<string, string> = {}, init: RequestInit = {}): Promise<Answer> {
  const url = path.startsWith("/") ? path : `/realtime/events?${path}`;
  const response = await fetch(gateway.origin + url, { headers, ...init });
  const text = await response.text();
  const body = (text === "" ? {} : JSON.parse(text)) as {
    events?: { data: unknown }[];
    cursor?: string;
    gap?: unknown;
  };
  const data = (body.events ?? []).map((event) => event.data);
  return { status: response.status, headers: response.headers, text, data, cursor: body.cursor ?? "", gap: body.gap };
}

function next({ headers }: Answer): string {
  return /^<([^>]+)>/.exec(headers.get("link") ?? "")?.[1] ?? "";
}

const waiting = (count: number): Promise<void> =>
  until(() => (gateway.connections.get("long-polling") ?? 0) === count, `${count} waiting`);

async function start(options: Partial<GatewayOptions> = {}): Promise<void> {
  gateway = await startGateway({ transports: [longPolling({ maxWaitMs: 60_000 })], ...options });
}

afterEach(() => gateway.close());

describe("a wait", () => {
  test("is none if there is something already", async () => {
    await start();
    const cursor = await gateway.publish("a", 1);
    const page = await poll("topic=a&after=earliest&wait=60");
    expect([page.data, page.cursor, page.headers.get("etag")]).toEqual([[1], cursor, `"${cursor}"`]);
    expect(page.headers.get("preference-applied")).toBe("wait=60");
    expect(gateway.seats.taken).toBe(0);
  });

  test("ends with the first event that matches", async () => {
    await start();
    const answer = poll("topic=a/*&type=m&limit=7&after=latest", { prefer: "wait=20" });
    await waiting(1);
    await gateway.publish("b", 0);
    await gateway.publish("a/1", 0, { type: "other" });
    const cursor = await gateway.publish("a/1", 1, { type: "m" });
    const page = await answer;
    expect([page.status, page.data, page.cursor, page.headers.get("etag")]).toEqual([200, [1], cursor, `"${cursor}"`]);
    expect(next(page)).toBe(`/realtime/events?topic=a/*&type=m&limit=7&after=${cursor}`);
    await waiting(0);
    expect(gateway.seats.taken).toBe(0);
  });

  test("ends by itself with an empty page, whose cursor is young", async () => {
    const clock = new ManualClock();
    await start({ clock });
    const answer = poll("topic=a&wait=20");
    await waiting(1);
    const elsewhere = await gateway.publish("b", 1);
    clock.advance(19_999);
    expect(gateway.connections.get("long-polling")).toBe(1);
    clock.advance(1);
    const page = await answer;
    expect([page.status, page.text]).toEqual([200, `{"events":[],"cursor":"${elsewhere}"}`]);
    expect(page.headers.get("preference-applied")).toBe("wait=20");
    expect(clock.pending).toBe(1); // the log's own
    expect(gateway.bus.audienceCount).toBe(0);
  });

  test("ends when its own time is over, however many began before it or are longer", async () => {
    const clock = new ManualClock();
    await start({ clock });
    const idle = clock.pending;
    const ended: string[] = [];
    const begin = async (name: string, query: string): Promise<void> => {
      const before = gateway.connections.get("long-polling") ?? 0;
      void poll(query).then(() => ended.push(name));
      await waiting(before + 1);
    };
    await begin("first", "topic=a&wait=20");
    await begin("long", "topic=a&wait=30");
    await begin("met", "topic=b&wait=20");
    clock.advance(7000);
    await begin("second", "topic=a&wait=20");
    expect(clock.pending - idle).toBe(2);
    await gateway.publish("b", 1);
    await until(() => ended.length === 1, "the one that was met");
    clock.advance(13_000);
    await until(() => ended.length === 2, "the first");
    clock.advance(6999);
    await waiting(2);
    clock.advance(1);
    await until(() => ended.length === 3, "the second");
    expect(clock.pending - idle).toBe(1);
    clock.advance(3000);
    await until(() => ended.length === 4, "the long one");
    expect(ended).toEqual(["met", "first", "second", "long"]);
    expect(clock.pending).toBe(idle);
  });

  test.each([
    ["wait=50", {}, "wait=5"],
    ["", { prefer: "wait=600" }, "wait=5"],
    ["wait=2", {}, "wait=2"],
    ["transport=long-polling", {}, "wait=5"],
  ])("%s %o is cut down to what the operator lets wait", async (query, headers, applied) => {
    const clock = new ManualClock();
    await start({ clock, transports: [longPolling({ maxWaitMs: 5000 })] });
    const answer = poll(`topic=a&${query}`, headers);
    await waiting(1);
    clock.advance(5000);
    expect((await answer).headers.get("preference-applied")).toBe(applied);
  });

  test("of a client that did not say is half a minute", async () => {
    const clock = new ManualClock();
    await start({ clock });
    const answer = poll("topic=a&transport=long-polling");
    await waiting(1);
    clock.advance(30_000);
    expect((await answer).headers.get("preference-applied")).toBe("wait=30");
  });

  test("for HEAD is none", async () => {
    await start();
    const head = await poll("topic=a&wait=60", {}, { method: "HEAD" });
    expect([head.status, head.text, gateway.seats.taken]).toEqual([200, "", 0]);
  });

  test("goes on from If-None-Match, as on a URL that has no parameter for it", async () => {
    await start();
    const etag = `"${await gateway.publish("a", 1)}"`;
    await gateway.publish("a", 2);
    const page = await poll("topic=a&wait=60", { "if-none-match": etag });
    expect(page.data).toEqual([2]);
    const answer = poll("topic=a&wait=60", { "if-none-match": page.headers.get("etag") ?? "" });
    await waiting(1);
    await gateway.publish("a", 3);
    expect((await answer).data).toEqual([3]);
  });
});

describe("nothing is lost or doubled", () => {
  test("between polls, under a running publisher", async () => {
    await start();
    const seen: unknown[] = [];
    let page = await poll("topic=a&after=earliest&limit=10&wait=20", {}, { method: "HEAD" });
    const publishing = (async () => {
      for (let n = 0; n < 300; n += 1) {
        await gateway.publish("a", n);
        if (n % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    while (seen.length < 300) {
      page = await poll(next(page));
      expect(page.data.length).toBeLessThanOrEqual(10);
      seen.push(...page.data);
    }
    await publishing;
    expect(seen).toEqual(Array.from({ length: 300 }, (_, n) => n));
  });

  test("where more comes at once than a page may hold", async () => {
    await start();
    const answer = poll("topic=a&limit=2&wait=20");
    await waiting(1);
    const batch = JSON.stringify([1, 2, 3, 4, 5].map((n) => ({ topic: "a", data: n })));
    await gateway.bus.publish(parsePublication(batch, { eventBytes: 100 }));
    const first = await answer;
    const second = await poll(next(first));
    const third = await poll(next(second));
    expect([first.data, second.data, third.data]).toEqual([[1, 2], [3, 4], [5]]);
  });

  test("where more comes at once than a page may hold bytes", async () => {
    await start();
    const answer = poll("topic=a&limit=1000&wait=20");
    await waiting(1);
    const events = Array.from({ length: MAX_EVENTS_PER_PUBLICATION }, (_, n) => ({
      topic: "a",
      data: [n, "x".repeat(400)],
    }));
    await gateway.bus.publish(parsePublication(JSON.stringify(events), { eventBytes: 1000 }));
    const seen: unknown[] = [];
    for (let page = await answer; ; page = await poll(next(page))) {
      expect(page.text.length).toBeLessThan(300 * 1024);
      seen.push(...page.data.map((value) => (value as [number])[0]));
      if (seen.length >= events.length) break;
    }
    expect(seen).toEqual(events.map((_, n) => n));
  });
});

describe("many clients", () => {
  test("that wait for the same get the same bytes, made once", async () => {
    await start();
    const encode = vi.spyOn(PageCodec.prototype, "encode");
    const answers = Array.from({ length: 200 }, () => poll("topic=a&wait=20"));
    await waiting(200);
    expect([gateway.seats.taken, gateway.bus.audienceCount]).toEqual([200, 1]);
    await gateway.publish("a", 1);
    const texts = new Set((await Promise.all(answers)).map(({ text }) => text));
    expect(texts.size).toBe(1);
    expect(encode).toHaveBeenCalledTimes(1);
    encode.mockRestore();
    expect([gateway.seats.taken, gateway.bus.audienceCount]).toEqual([0, 0]);
  });

  test("a client that goes away frees everything at once", async () => {
    const clock = new ManualClock();
    await start({ clock });
    const idle = clock.pending;
    const clients = Array.from({ length: 20 }, () => new RawClient(gateway.port));
    for (const client of clients) client.send("GET /realtime/events?topic=a&wait=60 HTTP/1.1\r\nHost: x\r\n\r\n");
    await waiting(20);
    for (const client of clients) client.destroy();
    await waiting(0);
    expect([gateway.seats.taken, gateway.bus.audienceCount, clock.pending]).toEqual([0, 0, idle]);
    await gateway.publish("a", 1);
    expect(gateway.errors).toEqual([]);
  });

  test("two waits behind one another on one connection are answered in their order", async () => {
    await start();
    const client = new RawClient(gateway.port);
    const request = (topic: string): string =>
      `GET /realtime/events?topic=${topic}&wait=60 HTTP/1.1\r\nHost: x\r\n\r\n`;
    client.send(request("a") + request("b"));
    await waiting(2);
    await gateway.publish("b", "second");
    await gateway.publish("a", "first");
    const text = await client.holds("HTTP/1.1 200 OK", 2);
    expect(text.indexOf('"first"')).toBeLessThan(text.indexOf('"second"'));
    client.send(request("a") + request("b"));
    await waiting(2);
    client.destroy();
    await waiting(0);
    expect(gateway.seats.taken).toBe(0);
  });
});

describe("a gap", () => {
  test("is told at once", async () => {
    await start();
    const first = await gateway.publish("a", 0);
    await gateway.publish("a", 1);
    await gateway.publish("b", 2);
    gateway.setRetention({ ageMs: 3_600_000, events: 1, bytes: 1_000_000 });
    const page = await poll(`topic=a&after=${first}&wait=60`);
    expect([page.data, page.gap]).toEqual([[], { after: first, resumed_at: expect.any(String), reason: "expired" }]);
    const reset = await poll("topic=a&after=another-1&wait=60");
    expect(reset.gap).toMatchObject({ after: "another-1", reason: "reset" });
    const answer = poll(next(page));
    await waiting(1);
    await gateway.publish("a", 3);
    expect(await answer).toMatchObject({ data: [3], gap: undefined });
    expect(gateway.gaps).toEqual(["long-polling expired", "long-polling reset"]);
  });
});

describe("the end of grants", () => {
  let end: (reason: CloseReason) => void;
  const released = vi.fn<() => void>();
  const access: Access = {
    ...openAccess,
    guard: (_principal, _filters, onEnd) => {
      end = onEnd;
      return { replace: () => undefined, release: released };
    },
  };

  beforeEach(() => released.mockReset());

  test.each([
    ["token-expired", 401, "unauthorized"],
    ["grant-revoked", 403, "forbidden"],
    ["app-unavailable", 503, "app-unavailable"],
  ] as const)("%s ends a wait with %i", async (code, status, told) => {
    await start({ access });
    const answer = poll("topic=a&wait=60");
    await waiting(1);
    end(CLOSE_REASONS[code]);
    const { status: got, text, headers } = await answer;
    expect([got, JSON.parse(text)]).toEqual([status, expect.objectContaining({ code: told })]);
    expect(headers.has("www-authenticate")).toBe(status === 401);
    expect(released).toHaveBeenCalledTimes(1);
    expect(gateway.seats.taken).toBe(0);
  });

  test("a wait that ends otherwise lets its guard go", async () => {
    await start({ access });
    const answer = poll("topic=a&wait=60");
    await waiting(1);
    await gateway.publish("a", 1);
    await answer;
    expect(released).toHaveBeenCalledTimes(1);
    end(CLOSE_REASONS["token-expired"]);
    expect(gateway.errors).toEqual([]);
  });
});

describe("draining", () => {
  test("answers waiting clients at once, with a page, and new ones without a wait", async () => {
    const transport = longPolling({ maxWaitMs: 60_000 });
    await start({ transports: [transport] });
    const answers = [poll("topic=a&wait=60"), poll("topic=b&wait=60")];
    await waiting(2);
    const cursor = await gateway.publish("c", 1);
    await transport.drain(CLOSE_REASONS.draining, 10_000, new AbortController().signal);
    for (const page of await Promise.all(answers)) {
      expect([page.status, page.data, page.cursor]).toEqual([200, [], cursor]);
      expect(page.headers.get("connection")).toBe("close");
    }
    const late = await poll("topic=a&wait=60");
    expect([late.status, late.cursor]).toEqual([200, cursor]);
  });
});
