import { describe, expect, test } from "vitest";
import { RawConnection } from "../support/raw-connection.ts";
import { SseParser, type SseFrame } from "../support/sse-parser.ts";
import { freshTopic } from "../support/topics.ts";
import { describeConformance } from "./describe-conformance.ts";
import { connectSse, sse, type SseReader } from "./drivers/sse.ts";
import type { ReaderOptions } from "./drivers/reader-driver.ts";
import { useGateway, useReaders } from "./use.ts";

describeConformance(sse);

describe("SSE alone", () => {
  const gateway = useGateway({ transports: { sse: { heartbeat: "50ms" } } });
  const quiet = useGateway();
  const track = useReaders();
  const connect = (options: Omit<ReaderOptions, "url">, to = gateway): Promise<SseReader> =>
    track(connectSse({ url: to.current.url, ...options }));

  test("headers keep caches and proxies from holding it back", async () => {
    const { response } = await connect({ topics: ["a"] });
    expect(response.headers).toMatchObject({
      "content-type": expect.stringMatching(/^text\/event-stream\b/),
      "x-accel-buffering": "no",
    });
    const cacheControl = (response.headers["cache-control"] ?? "").split(/\s*,\s*/);
    expect(cacheControl).toEqual(expect.arrayContaining(["no-cache", "no-transform"]));
  });

  test("begins at once with retry and the starting cursor, in a frame that dispatches nothing", async () => {
    const [event] = await quiet.current.publisher.publish({ topic: freshTopic(), data: 1 });
    const { frames, inbox } = await connect({ topics: ["a"] }, quiet);
    await inbox.until("retry", () => frames.some(({ retry }) => retry !== undefined));
    expect(inbox.cursor).toBe(event?.cursor);
    expect(frames.filter(({ data }) => data !== undefined)).toEqual([]);
    expect(frames.some(({ id, comments }) => id !== undefined && comments.length > 0)).toBe(true);
  });

  test("retry is around 2 s, and not the same for all", async () => {
    const readers = await Promise.all(Array.from({ length: 20 }, () => connect({ topics: ["a"] }, quiet)));
    const waits: number[] = [];
    for (const { inbox, frames } of readers) {
      await inbox.until("retry", () => frames.some(({ retry }) => retry !== undefined));
      waits.push(Number(frames.find(({ retry }) => retry !== undefined)?.retry));
    }
    expect(new Set(waits).size).toBeGreaterThan(1);
    for (const wait of waits) {
      expect(Number.isInteger(wait)).toBe(true);
      expect(wait).toBeGreaterThanOrEqual(1000);
      expect(wait).toBeLessThanOrEqual(4000);
    }
  });

  test("the starting cursor is the one asked for, so that a reader that drops at once loses nothing", async () => {
    const topic = freshTopic();
    const receipts = await quiet.current.publisher.publish({ topic, data: 1 }, { topic, data: 2 }, { topic, data: 3 });
    const { frames, inbox } = await connect({ topics: [topic], after: receipts[0]?.cursor }, quiet);
    await inbox.take(2);
    expect(frames.find(({ id }) => id !== undefined)?.id).toBe(receipts[0]?.cursor);
  });

  test("an event is id and data, and no event line", async () => {
    const topic = freshTopic();
    const { frames, inbox } = await connect({ topics: [topic] });
    const [event] = await gateway.current.publisher.publish({ topic, data: 1, type: "order.ready" });
    await inbox.take(1);
    const frame = frames.find(({ data }) => data !== undefined);
    expect(frame).toMatchObject({ id: event?.cursor, event: undefined });
  });

  test("named=1: the event line is the event's type", async () => {
    const topic = freshTopic();
    const { frames, inbox } = await connect({ topics: [topic], query: "named=1" });
    await gateway.current.publisher.publish({ topic, data: 1, type: "order.ready" }, { topic, data: 2 });
    await inbox.take(2);
    expect(frames.filter(({ data }) => data !== undefined).map(({ event }) => event)).toEqual([
      "order.ready",
      "message",
    ]);
  });

  test("pad=1: 2 KiB of comment come first", async () => {
    const plain = await connect({ topics: ["a"] }, quiet);
    expect(plain.frames.flatMap(({ comments }) => comments).join("").length).toBeLessThan(200);
    const padded = await connect({ topics: ["a"], query: "pad=1" }, quiet);
    const first = padded.frames[0] as SseFrame;
    expect(first.comments.join("\n").length).toBeGreaterThanOrEqual(2000);
    expect(padded.inbox.cursor).not.toBeNull();
  });

  test("heartbeats: a comment and the log's newest cursor, again and again, without data", async () => {
    const { frames, inbox } = await connect({ topics: [freshTopic()] });
    const [other] = await gateway.current.publisher.publish({ topic: freshTopic(), data: 1 });
    const beats = (): SseFrame[] => frames.filter(({ id }) => id === other?.cursor);
    await inbox.until("three heartbeats", () => beats().length >= 3);
    for (const beat of beats()) {
      expect(beat).toMatchObject({ data: undefined, event: undefined });
      expect(beat.comments.length).toBeGreaterThan(0);
    }
  });

  test("Last-Event-ID wins over after and last", async () => {
    const topic = freshTopic();
    const receipts = await gateway.current.publisher.publish(
      { topic, data: 1 },
      { topic, data: 2 },
      { topic, data: 3 },
    );
    const headers = { "last-event-id": receipts[1]?.cursor as string };
    for (const start of [{ after: "earliest" }, { last: 3 }, { after: receipts[0]?.cursor }]) {
      const { inbox } = await connect({ topics: [topic], headers, ...start });
      await inbox.take(1);
      expect(JSON.parse(inbox.events[0] as string).data).toBe(3);
    }
  });

  test("a Last-Event-ID that is no cursor: 400", async () => {
    const headers = { "last-event-id": "seventeen" };
    const answer = await sse.refusal({ url: gateway.current.url, topics: ["a"], headers });
    expect([answer.status, answer.json()["code"]]).toEqual([400, "invalid-cursor"]);
  });

  test("a gap is an event of its own, that onmessage does not get", async () => {
    const headers = { "last-event-id": "otherlog-5" };
    const { frames, inbox } = await connect({ topics: [freshTopic()], headers });
    await inbox.until("the gap", () => inbox.gaps.length > 0);
    const gap = frames.find(({ event }) => event === "gap");
    expect(JSON.parse(gap?.data ?? "")).toEqual({
      after: "otherlog-5",
      resumed_at: expect.any(String),
      reason: "reset",
    });
  });

  test("transport=sse does without the header", async () => {
    const headers = { accept: "application/json" };
    const { response } = await connect({ topics: ["a"], headers, query: "transport=sse" });
    expect(response.headers["content-type"]).toMatch(/^text\/event-stream\b/);
  });

  test("HEAD has the headers, no body, and an end", async () => {
    const answer = await gateway.current.get("/realtime/events?topic=a", { accept: "text/event-stream" }, "HEAD");
    expect([answer.status, answer.text]).toEqual([200, ""]);
    expect(answer.headers["content-type"]).toMatch(/^text\/event-stream\b/);
  });

  test("an HTTP/1.0 client gets a body without chunks", async () => {
    const topic = freshTopic();
    const connection = await RawConnection.open(gateway.current.url);
    connection.send(`GET /realtime/events?topic=${topic} HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n`);
    await connection.until("the first id", (received) => received.includes("\nid"));
    await gateway.current.publisher.publish({ topic, data: "for HTTP/1.0" });
    await connection.until("the event", (received) => received.includes("for HTTP/1.0"));
    const [head, ...rest] = connection.received.split("\r\n\r\n") as [string, ...string[]];
    expect(head.toLowerCase()).not.toContain("transfer-encoding");
    const frames: SseFrame[] = [];
    new SseParser((frame) => frames.push(frame)).push(Buffer.from(rest.join("\r\n\r\n"), "latin1"));
    expect(frames.some(({ data }) => data?.includes("for HTTP/1.0"))).toBe(true);
    for (const line of rest.join("\r\n\r\n").split(/\r?\n/)) expect(line).toMatch(/^(|:.*|(id|data|retry):.*)$/);
    connection.cut();
  });

  test("a stream asked for behind another request on the same connection is refused in its turn", async () => {
    const topic = freshTopic();
    const after = (await gateway.current.get(`/realtime/events?topic=${topic}`)).json()["cursor"] as string;
    const connection = await RawConnection.open(gateway.current.url);
    const get = (query: string, accept: string): string =>
      `GET /realtime/events?topic=${topic}${query} HTTP/1.1\r\nHost: a\r\nAccept: ${accept}\r\n\r\n`;
    connection.send(get(`&after=${after}&wait=20`, "*/*") + get(`&after=${after}`, "text/event-stream"));
    await gateway.current.untilConnections("long-polling", 1);
    await gateway.current.publisher.publish({ topic, data: "first" });
    const received = await connection.until("both answers", (text) => text.includes('"code":"bad-request"'));
    const [page, refusal, ...rest] = received.split(/(?=HTTP\/1\.1 )/);
    expect(rest).toEqual([]);
    expect(page).toMatch(/^HTTP\/1\.1 200 [^]*"data":"first"[^]*\}$/);
    expect(refusal).toMatch(/^HTTP\/1\.1 400 [^]*application\/problem\+json/);
    connection.cut();
    await gateway.current.untilConnections("sse", 0);
  });

  test("a stream that is behind one that never ends frees its place when the client goes", async () => {
    const connection = await RawConnection.open(gateway.current.url);
    const get = `GET /realtime/events?topic=${freshTopic()} HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n`;
    connection.send(get + get);
    await connection.until("the stream", (text) => text.includes("\nid"));
    connection.cut();
    await gateway.current.untilConnections("sse", 0);
    const reader = await connect({ topics: ["a"] });
    await gateway.current.untilConnections("sse", 1);
    reader.cut();
  });
});
