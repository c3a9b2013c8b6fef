import { describe, expect, test } from "vitest";
import type { Answer } from "../support/publisher.ts";
import { freshTopic } from "../support/topics.ts";
import { describeConformance } from "./describe-conformance.ts";
import { polling } from "./drivers/polling.ts";
import { useGateway } from "./use.ts";

describeConformance(polling);

describe("polling alone", () => {
  const gateway = useGateway();
  const rare = useGateway({ transports: { polling: { interval: "5s" } } });
  const poll = (query: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
    gateway.current.get(`/realtime/events?${query}`, headers);

  test("answers at once, with JSON that is not to be stored", async () => {
    const answer = await poll(`topic=${freshTopic()}`);
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toMatch(/^application\/json\b/);
    expect(answer.headers["cache-control"]).toContain("no-store");
    expect(answer.json()).toEqual({ events: [], cursor: expect.any(String) });
  });

  test("ETag is the cursor, and If-None-Match with nothing new is 304 without a body", async () => {
    const topic = freshTopic();
    const first = await poll(`topic=${topic}`);
    const cursor = first.json()["cursor"] as string;
    expect(first.headers["etag"]?.replace(/^W\//, "")).toBe(`"${cursor}"`);
    const etag = first.headers["etag"] as string;
    for (const given of [etag, `W/${etag.replace(/^W\//, "")}`, `"other", ${etag}`]) {
      for (const query of [`topic=${topic}&after=${cursor}`, `topic=${topic}`]) {
        const answer = await poll(query, { "if-none-match": given });
        expect([given, query, answer.status, answer.text]).toEqual([given, query, 304, ""]);
        expect(answer.headers["etag"]).toBeDefined();
      }
    }
  });

  test("304 stays while only other topics move the log on, and ends with the first event that matches", async () => {
    const topic = freshTopic();
    const first = await poll(`topic=${topic}&type=wanted`);
    const cursor = first.json()["cursor"] as string;
    const headers = { "if-none-match": first.headers["etag"] as string };
    const again = (): Promise<Answer> => poll(`topic=${topic}&type=wanted&after=${cursor}`, headers);
    await gateway.current.publisher.publish({ topic: freshTopic(), data: 1 }, { topic, data: 2, type: "other" });
    expect((await again()).status).toBe(304);
    await gateway.current.publisher.publish({ topic, data: 3, type: "wanted" });
    const news = await again();
    expect(news.status).toBe(200);
    expect(news.json()["events"]).toMatchObject([{ data: 3 }]);
    expect(news.headers["etag"]).not.toBe(first.headers["etag"]);
  });

  test("the cursor goes on also when no event matches", async () => {
    const topic = freshTopic();
    const first = (await poll(`topic=${topic}`)).json()["cursor"];
    const [other] = await gateway.current.publisher.publish({ topic: freshTopic(), data: 1 });
    const second = (await poll(`topic=${topic}&after=${first as string}`)).json()["cursor"];
    expect(second).not.toBe(first);
    expect(second).toBe(other?.cursor);
  });

  test('Link rel="next" is on every page, keeps every parameter, and leads through everything', async () => {
    const root = freshTopic("läuft");
    const events = Array.from({ length: 25 }, (_, data) => ({ topic: `${root}/${data % 2}`, data, type: "a.b" }));
    await gateway.current.publisher.publish(...events);
    const own = `topic=${encodeURIComponent(`${root}/0`)}&topic=${encodeURIComponent(`${root}/*`)}&type=a.b&type=c&limit=10&transport=polling&x=1%262`;
    let path = `/realtime/events?${own}&after=earliest`;
    const seen: unknown[] = [];
    const kept = new URLSearchParams(own);
    kept.sort();
    for (const count of [10, 10, 5, 0]) {
      const answer = await gateway.current.get(path);
      const page = answer.json() as { events: { data: unknown }[]; cursor: string };
      expect(page.events).toHaveLength(count);
      seen.push(...page.events.map(({ data }) => data));
      const next = new URL(nextOf(answer), gateway.current.url);
      expect(next.pathname).toBe("/realtime/events");
      expect(next.searchParams.getAll("after")).toEqual([page.cursor]);
      next.searchParams.delete("after");
      next.searchParams.sort();
      expect([...next.searchParams]).toEqual([...kept]);
      path = nextOf(answer);
    }
    expect(seen).toEqual(events.map(({ data }) => data));
  });

  test("Link of a page that began with last goes on after it, without last", async () => {
    const topic = freshTopic();
    await gateway.current.publisher.publish({ topic, data: 1 }, { topic, data: 2 });
    const first = await poll(`topic=${topic}&last=1`);
    expect(first.json()["events"]).toMatchObject([{ data: 2 }]);
    await gateway.current.publisher.publish({ topic, data: 3 });
    const second = await gateway.current.get(nextOf(first));
    expect(second.json()["events"]).toMatchObject([{ data: 3 }]);
    expect(new URL(nextOf(first), gateway.current.url).searchParams.has("last")).toBe(false);
  });

  test("100 events on a page, or as many as limit says, up to 1000", async () => {
    const topic = freshTopic();
    const events = Array.from({ length: 1000 }, (_, data) => ({ topic, data }));
    await gateway.current.publisher.publish(...events);
    await gateway.current.publisher.publish({ topic, data: 1000 });
    for (const [query, count] of [
      ["", 100],
      ["&limit=1", 1],
      ["&limit=1000", 1000],
    ] as const) {
      const answer = await poll(`topic=${topic}&after=earliest${query}`);
      expect(answer.json()["events"]).toHaveLength(count);
    }
  });

  test.each(["0", "1001", "-1", "1.5", "ten", "", "1e2", "0x10"])("limit=%s: 400", async (limit) => {
    const answer = await poll(`topic=a&limit=${limit}`);
    expect([answer.status, answer.json()["code"]]).toEqual([400, "invalid-parameter"]);
  });

  test("HEAD says what GET would, without a body", async () => {
    const topic = freshTopic();
    const answer = await gateway.current.get(`/realtime/events?topic=${topic}`, {}, "HEAD");
    expect([answer.status, answer.text]).toEqual([200, ""]);
    expect(answer.headers["etag"]).toMatch(/^(W\/)?"[^"]+"$/);
    expect(nextOf(answer)).toContain("after=");
    expect((await gateway.current.get("/realtime/events?topic=a//b", {}, "HEAD")).status).toBe(400);
  });

  test("X-Poll-Interval tells the interval that the operator sets; far under it is 429 with Retry-After", async () => {
    expect((await poll(`topic=${freshTopic()}`)).headers["x-poll-interval"]).toBeUndefined();
    const path = `/realtime/events?topic=${freshTopic()}`;
    const first = await rare.current.get(path);
    expect([first.status, first.headers["x-poll-interval"]]).toEqual([200, "5"]);
    let last = first;
    for (let polls = 1; polls < 20 && last.status === 200; polls += 1) last = await rare.current.get(path);
    expect([last.status, last.json()["code"]]).toEqual([429, "rate-limited"]);
    expect(Number(last.headers["retry-after"])).toBeGreaterThanOrEqual(1);
    expect(Number(last.headers["retry-after"])).toBeLessThanOrEqual(5);
  });
});

function nextOf(answer: Answer): string {
  const next = /<([^>]*)>\s*;\s*rel="next"/.exec(answer.headers["link"] ?? "");
  if (next === null) throw new Error(`No next in Link: ${answer.headers["link"]}`);
  return next[1] as string;
}
