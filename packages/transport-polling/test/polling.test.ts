import { ManualClock } from "@sluice/core/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startGateway, type Gateway } from "../../http/test/support/gateway.ts";
import { polling } from "../src/index.ts";

let gateway: Gateway;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly events: readonly { id: string; data: unknown; cursor: string }[];
  readonly cursor: string;
  readonly gap: unknown;
}

async function poll(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
  const url = path.startsWith("/") ? path : `/realtime/events?${path}`;
  const response = await fetch(gateway.origin + url, { method, headers });
  const text = await response.text();
  const body = (text === "" ? {} : JSON.parse(text)) as { events?: Answer["events"]; cursor?: string; gap?: unknown };
  const { events = [], cursor = "", gap } = body;
  return { status: response.status, headers: response.headers, text, events, cursor, gap };
}

function next({ headers }: Answer): string {
  const match = /^<([^>]+)>; rel="next"$/.exec(headers.get("link") ?? "");
  if (match?.[1] === undefined) throw new Error(`no next in ${headers.get("link")}`);
  return match[1];
}

const data = ({ events }: Answer): unknown[] => events.map((event) => event.data);

afterEach(() => gateway.close());

describe("a page", () => {
  beforeEach(async () => {
    gateway = await startGateway({ transports: [polling({ intervalMs: 0 })] });
  });

  test("holds the events as they are, and where to go on", async () => {
    const cursor = await gateway.publish("a", { n: 1 }, { id: "e1", time: "2026-01-01T00:00:00Z" });
    const page = await poll("topic=a&after=earliest");
    expect(page.text).toBe(
      `{"events":[{"id":"e1","topic":"a","type":"message","time":"2026-01-01T00:00:00Z","cursor":"${cursor}","data":{"n":1}}],"cursor":"${cursor}"}`,
    );
    expect(page.headers.get("etag")).toBe(`"${cursor}"`);
    expect(page.headers.get("content-type")).toBe("application/json");
    expect(page.headers.get("cache-control")).toBe("no-store");
    expect(page.headers.get("x-poll-interval")).toBe(null);
  });

  test("is empty from latest on, and its cursor misses nothing", async () => {
    await gateway.publish("a", 1);
    const first = await poll("topic=a");
    expect(first.events).toEqual([]);
    await gateway.publish("a", 2);
    expect(data(await poll(next(first)))).toEqual([2]);
  });

  test("goes on by Link alone, page after page, with every parameter", async () => {
    for (let n = 0; n < 7; n += 1) await gateway.publish(`a/${n}`, n, { type: n === 3 ? "other" : "m" });
    const seen: unknown[] = [];
    let page = await poll("topic=a/*&type=m&after=earliest&limit=2&tag=x");
    for (let turns = 0; page.events.length > 0; turns += 1) {
      expect(page.events.length).toBeLessThanOrEqual(2);
      seen.push(...data(page));
      expect(next(page)).toBe(`/realtime/events?topic=a/*&type=m&limit=2&tag=x&after=${page.cursor}`);
      page = await poll(next(page));
      expect(turns).toBeLessThan(7);
    }
    expect(seen).toEqual([0, 1, 2, 4, 5, 6]);
    expect(next(page)).toContain(page.cursor);
  });

  test("of the newest N", async () => {
    for (let n = 0; n < 5; n += 1) await gateway.publish("a", n);
    await gateway.publish("b", "other");
    const page = await poll("topic=a&last=2");
    expect(data(page)).toEqual([3, 4]);
    await gateway.publish("a", 5);
    expect(data(await poll(next(page)))).toEqual([5]);
    expect(data(await poll("topic=a&last=0"))).toEqual([]);
  });

  test("for HEAD is the head of it", async () => {
    const cursor = await gateway.publish("a", 1);
    const head = await poll("topic=a&after=earliest", {}, "HEAD");
    expect([head.status, head.text, head.headers.get("etag")]).toEqual([200, "", `"${cursor}"`]);
    expect(next(head)).toContain(cursor);
  });

  test("with a callback is no script while comet is off", async () => {
    expect((await poll("topic=a&callback=f")).status).toBe(406);
  });

  test("needs a cursor that is one", async () => {
    const response = await poll("topic=a&after=nonsense!");
    expect([response.status, JSON.parse(response.text)]).toEqual([
      400,
      expect.objectContaining({ code: "invalid-cursor" }),
    ]);
  });
});

describe("If-None-Match", () => {
  beforeEach(async () => {
    gateway = await startGateway({ transports: [polling({ intervalMs: 0 })] });
  });

  test("without news is 304 without a body, with the same tag", async () => {
    await gateway.publish("a", 1);
    const etag = (await poll("topic=a")).headers.get("etag") ?? "";
    const again = await poll("topic=a", { "if-none-match": etag });
    expect([again.status, again.text, again.headers.get("etag")]).toEqual([304, "", etag]);
    expect((await poll("topic=a", { "if-none-match": `W/${etag}` })).status).toBe(304);
    expect((await poll("topic=a", { "if-none-match": etag }, "HEAD")).status).toBe(304);
  });

  test("stays 304 when other topics move the log on", async () => {
    const etag = (await poll("topic=a&type=m")).headers.get("etag") ?? "";
    for (let n = 0; n < 300; n += 1) await gateway.publish("b", n);
    await gateway.publish("a", 1, { type: "other" });
    expect((await poll("topic=a&type=m", { "if-none-match": etag })).status).toBe(304);
    await gateway.publish("a", 2, { type: "m" });
    const page = await poll("topic=a&type=m", { "if-none-match": etag });
    expect([page.status, data(page)]).toEqual([200, [2]]);
  });

  test("is all that a client need keep: nothing is lost or doubled by it", async () => {
    const seen: unknown[] = [];
    let etag = (await poll("topic=a")).headers.get("etag") ?? "";
    for (let n = 0; n < 20; n += 1) {
      if (n % 3 !== 0) await gateway.publish("a", n);
      const page = await poll("topic=a", { "if-none-match": etag });
      expect(page.status).toBe(n % 3 === 0 ? 304 : 200);
      seen.push(...data(page));
      etag = page.headers.get("etag") ?? "";
    }
    expect(seen).toEqual([1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17, 19]);
  });

  test("with after: the page that is asked for, unless the client has it", async () => {
    const first = await gateway.publish("a", 1);
    await gateway.publish("a", 2);
    await gateway.publish("a", 3);
    const page = await poll(`topic=a&after=${first}`);
    const etag = page.headers.get("etag") ?? "";
    expect(data(page)).toEqual([2, 3]);
    expect((await poll(`topic=a&after=${first}`, { "if-none-match": etag })).status).toBe(304);
    await gateway.publish("a", 4);
    expect(data(await poll(`topic=a&after=${first}`, { "if-none-match": etag }))).toEqual([2, 3, 4]);
    // A page cut by its limit is the same page, however much there is behind it.
    const cut = await poll(`topic=a&limit=1&after=${first}`);
    const tag = cut.headers.get("etag") ?? "";
    expect((await poll(`topic=a&limit=1&after=${first}`, { "if-none-match": tag })).status).toBe(304);
  });

  test("of another log is told as a gap", async () => {
    await gateway.publish("a", 1);
    const page = await poll("topic=a", { "if-none-match": '"another-5"' });
    expect([page.status, page.gap]).toEqual([200, expect.objectContaining({ after: "another-5", reason: "reset" })]);
  });

  test("that is none of ours is as if absent", async () => {
    expect((await poll("topic=a", { "if-none-match": '"abc"' })).status).toBe(200);
    expect((await poll("topic=a", { "if-none-match": "*" })).status).toBe(200);
  });
});

describe("a gap", () => {
  test("is in the page, once, and only where something was missed", async () => {
    gateway = await startGateway({ transports: [polling({ intervalMs: 0 })] });
    const start = await gateway.publish("a", 0);
    await gateway.publish("a", 1);
    await gateway.publish("a", 2);
    await gateway.publish("b", 3);
    gateway.setRetention({ ageMs: 3_600_000, events: 2, bytes: 1_000_000 });
    const page = await poll(`topic=a&after=${start}`);
    expect(page.gap).toEqual({ after: start, resumed_at: expect.any(String), reason: "expired" });
    expect(data(page)).toEqual([2]);
    expect((await poll(next(page))).gap).toBe(undefined);
    const { resumed_at: resumedAt } = page.gap as { resumed_at: string };
    const resumed = await poll(`topic=a&after=${resumedAt}`);
    expect([data(resumed), resumed.gap]).toEqual([[2], undefined]);
    expect((await poll(`topic=b&after=${start}`)).gap).toBe(undefined);
    expect((await poll("topic=a&after=earliest")).gap).toBe(undefined);
    expect(gateway.gaps).toEqual(["polling expired"]);
  });
});

describe("the interval", () => {
  let clock: ManualClock;

  beforeEach(async () => {
    clock = new ManualClock();
    gateway = await startGateway({ transports: [polling({ intervalMs: 10_000 })], clock });
  });

  test("is told, and a client far under it is refused", async () => {
    const first = await poll("topic=a");
    expect([first.status, first.headers.get("x-poll-interval")]).toEqual([200, "10"]);
    clock.advance(4000);
    const early = await poll(next(first));
    expect([early.status, early.headers.get("retry-after"), early.headers.get("x-poll-interval")]).toEqual([
      429,
      "1",
      "10",
    ]);
    expect(JSON.parse(early.text)).toMatchObject({ code: "rate-limited" });
    clock.advance(1000);
    expect((await poll(next(first))).status).toBe(200);
    expect(gateway.refused).toEqual(["polling rate-limited"]);
  });

  test("counts a 304 too, and nothing that was refused", async () => {
    const etag = (await poll("topic=a")).headers.get("etag") ?? "";
    clock.advance(5000);
    expect((await poll("topic=a", { "if-none-match": etag })).status).toBe(304);
    clock.advance(4999);
    expect((await poll("topic=a", { "if-none-match": etag })).status).toBe(429);
    clock.advance(1);
    expect((await poll("topic=a", { "if-none-match": etag })).status).toBe(304);
  });

  test("does not hold up a client that has pages to fetch", async () => {
    for (let n = 0; n < 5; n += 1) await gateway.publish("a", n);
    let page = await poll("topic=a&after=earliest&limit=2");
    page = await poll(next(page));
    page = await poll(next(page));
    expect([page.status, data(page)]).toEqual([200, [4]]);
    expect((await poll(next(page))).status).toBe(429);
  });

  test("does not hold up a client whose page was full of bytes", async () => {
    for (let n = 0; n < 3; n += 1) await gateway.publish("a", "x".repeat(200_000));
    const page = await poll("topic=a&last=3");
    expect(page.events).toHaveLength(2);
    expect((await poll(next(page))).events).toHaveLength(1);
    expect((await poll(next(page))).status).toBe(429);
  });

  test("is each client's own", async () => {
    expect((await poll("topic=a", { authorization: "Bearer x" })).status).toBe(200);
    expect((await poll("topic=a", { authorization: "Bearer y" })).status).toBe(200);
    expect((await poll("topic=b", { authorization: "Bearer x" })).status).toBe(200);
    expect((await poll("topic=a&after=earliest", { authorization: "Bearer x" })).status).toBe(429);
  });
});
