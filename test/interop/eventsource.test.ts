import { EventSource } from "eventsource";
import { afterEach, expect, test } from "vitest";
import { Inbox } from "../support/inbox.ts";
import { TestGateway } from "../support/test-gateway.ts";
import { freshTopic } from "../support/topics.ts";

// The npm package `eventsource`: the browsers' interface, by people who never saw this gateway.

const closing: { close(): void | Promise<void> }[] = [];

afterEach(async () => {
  for (const one of closing.splice(0).toReversed()) await one.close();
});

function follow(url: string): { readonly source: EventSource; readonly inbox: Inbox } {
  const source = new EventSource(url);
  closing.push(source);
  const inbox = new Inbox();
  source.addEventListener("message", (event) => {
    inbox.events.push(event.data as string);
    inbox.cursor = event.lastEventId;
    inbox.changed();
  });
  source.addEventListener("gap", (event) => {
    inbox.gap(JSON.parse(event.data as string));
    inbox.changed();
  });
  source.addEventListener("open", () => inbox.changed());
  source.addEventListener("error", () => inbox.changed());
  return { source, inbox };
}

test("onmessage gets every event, and lastEventId is its cursor", async () => {
  const gateway = await TestGateway.start();
  closing.push(gateway);
  const topic = freshTopic();
  const { source, inbox } = follow(`${gateway.url}/realtime/events?topic=${topic}`);
  await inbox.until("the connection", () => source.readyState === EventSource.OPEN);
  const receipts = await gateway.publisher.publish({ topic, data: "ü\u2028" }, { topic, data: 2, type: "x" });
  await inbox.take(2);
  expect(inbox.events.map((json) => JSON.parse(json).cursor)).toEqual(receipts.map(({ cursor }) => cursor));
  expect(inbox.cursor).toBe(receipts[1]?.cursor);
});

test("it comes back by itself after a restart of the gateway, with Last-Event-ID, and misses nothing", async () => {
  const first = await TestGateway.startWithSqlite({ transports: { sse: { retry: "50ms" } } });
  closing.push(first);
  const topic = freshTopic();
  const { source, inbox } = follow(`${first.url}/realtime/events?topic=${topic}`);
  await inbox.until("the connection", () => source.readyState === EventSource.OPEN);
  await first.publisher.publish({ topic, data: 1 });
  await inbox.take(1);
  const second = await first.restart();
  closing.push(second);
  await second.publisher.publish({ topic, data: 2 }, { topic, data: 3 });
  await inbox.take(3);
  expect(inbox.events.map((json) => JSON.parse(json).data)).toEqual([1, 2, 3]);
  expect(inbox.gaps).toEqual([]);
});

test("one that never got an event resumes from where it began", async () => {
  const first = await TestGateway.startWithSqlite({ transports: { sse: { retry: "50ms" } } });
  closing.push(first);
  const topic = freshTopic();
  await first.publisher.publish({ topic, data: "before" });
  const { source, inbox } = follow(`${first.url}/realtime/events?topic=${topic}`);
  await inbox.until("the connection", () => source.readyState === EventSource.OPEN);
  const second = await first.restart();
  closing.push(second);
  // Published before the client is back: only the starting id can have saved it.
  await second.publisher.publish({ topic, data: 1 });
  await inbox.take(1);
  expect(JSON.parse(inbox.events[0] as string).data).toBe(1);
});

test("a gap is an event of its own", async () => {
  const gateway = await TestGateway.start();
  closing.push(gateway);
  const topic = freshTopic();
  const { inbox } = follow(`${gateway.url}/realtime/events?topic=${topic}&after=otherlog-9`);
  await inbox.until("the gap", () => inbox.gaps.length > 0);
  expect(inbox.gaps[0]).toMatchObject({ after: "otherlog-9", reason: "reset" });
  expect(inbox.events).toEqual([]);
});

test("a refusal ends it: it does not come back for ever", async () => {
  const gateway = await TestGateway.start({ access: { public: ["open"] } });
  closing.push(gateway);
  const { source, inbox } = follow(`${gateway.url}/realtime/events?topic=closed`);
  await inbox.until("the refusal", () => source.readyState === EventSource.CLOSED);
});
