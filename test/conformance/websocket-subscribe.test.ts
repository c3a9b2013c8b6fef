import { describe, expect, test } from "vitest";
import { dataOf, upTo } from "../support/event-json.ts";
import { useGateway } from "./use.ts";
import { guarded, openTopic, useWebSocket } from "./use-websocket.ts";

describe("WebSocket: subscribe and unsubscribe", () => {
  const gateway = useGateway(guarded);
  const connect = useWebSocket();

  test("subscribed repeats ref and topics and says from where; events follow", async () => {
    const topic = openTopic();
    const [before] = await gateway.current.publisher.publish({ topic, data: 0 });
    const reader = await connect(gateway);
    reader.send({ op: "subscribe", ref: 1, topics: [topic, "open/x/*"] });
    const subscribed = await reader.op("subscribed", 1);
    expect(subscribed).toEqual({ op: "subscribed", ref: 1, topics: [topic, "open/x/*"], cursor: before?.cursor });
    await gateway.current.publisher.publish({ topic, data: 1 });
    await reader.inbox.take(1);
    expect(dataOf(reader.inbox.events)).toEqual([1]);
  });

  test.each([[1], ["a ref"], [0], [-7.5]])("ref %j comes back as it is", async (ref) => {
    const reader = await connect(gateway);
    reader.send({ op: "ping", ref });
    expect(await reader.op("pong")).toHaveProperty("ref", ref);
  });

  test("several subscriptions share the connection, and an event comes once", async () => {
    const root = openTopic();
    const reader = await connect(gateway, { topics: [`${root}/a`] });
    reader.send({ op: "subscribe", ref: 1, topics: [`${root}/*`] });
    reader.send({ op: "subscribe", ref: 2, topics: [`${root}/a`, `${root}/b`] });
    await reader.op("subscribed", 2);
    await gateway.current.publisher.publish({ topic: `${root}/a`, data: 1 }, { topic: `${root}/b`, data: 2 });
    await gateway.current.publisher.publish({ topic: `${root}/c`, data: 3 });
    await reader.inbox.take(3);
    expect(dataOf(reader.inbox.events)).toEqual([1, 2, 3]);
  });

  test("after replays the topics asked for, beside what is live, and live ends it", async () => {
    const [old, live] = [openTopic(), openTopic()];
    const events = Array.from({ length: 900 }, (_, index) => ({ topic: old, data: index }));
    await gateway.current.publisher.publish(...events);
    const reader = await connect(gateway, { topics: [live] });
    reader.send({ op: "subscribe", ref: 7, topics: [old], after: "earliest" });
    const publishing = (async () => {
      for (let index = 0; index < 20; index += 1) {
        await gateway.current.publisher.publish({ topic: live, data: index }, { topic: old, data: 900 + index });
      }
    })();
    const ended = await reader.op("live", 7);
    await publishing;
    await reader.inbox.take(940);
    const of = (topic: string): unknown[] =>
      reader.inbox.events
        .map((json) => JSON.parse(json))
        .filter((event) => event.topic === topic)
        .map((event) => event.data);
    expect(of(old)).toEqual(Array.from({ length: 920 }, (_, index) => index));
    expect(of(live)).toEqual(Array.from({ length: 20 }, (_, index) => index));
    // From there one cursor stands for the whole connection: what came after it is exactly what a reader of both gets.
    const both = await connect(gateway, { topics: [old, live], after: ended.cursor });
    await gateway.current.publisher.publish({ topic: live, data: "end" });
    await both.inbox.until("the end", () => dataOf(both.inbox.events).includes("end"));
    await reader.inbox.until("the end", () => dataOf(reader.inbox.events).includes("end"));
    expect(reader.inbox.events.slice(-both.inbox.events.length)).toEqual(both.inbox.events);
  });

  test("last replays the newest, and live ends it, also when there are none", async () => {
    const topic = openTopic();
    const events = [1, 2, 3].map((index) => ({ topic, data: index }));
    const receipts = await gateway.current.publisher.publish(...events);
    const reader = await connect(gateway);
    reader.send({ op: "subscribe", ref: "l", topics: [topic], last: 2 });
    await reader.op("live", "l");
    expect(dataOf(reader.inbox.events)).toEqual([2, 3]);
    reader.send({ op: "subscribe", ref: "n", topics: [openTopic()], last: 5 });
    expect(await reader.op("live", "n")).toMatchObject({ cursor: receipts[2]?.cursor });
  });

  test("a gap carries the ref it belongs to and comes before the events", async () => {
    const topic = openTopic();
    await gateway.current.publisher.publish({ topic, data: 1 });
    const reader = await connect(gateway);
    reader.send({ op: "subscribe", ref: 3, topics: [topic], after: "otherlog-5" });
    await reader.op("live", 3);
    const gap = await reader.op("gap", 3);
    expect(gap).toEqual({ op: "gap", ref: 3, after: "otherlog-5", resumed_at: expect.any(String), reason: "reset" });
    const order = reader.messages.map((text) => (text.startsWith('{"op":') ? JSON.parse(text).op : "event"));
    expect(order.indexOf("gap")).toBeLessThan(order.indexOf("event"));
    expect(order.indexOf("event")).toBeLessThan(order.indexOf("live"));
  });

  test("types hold for the topics of their subscribe alone", async () => {
    const [one, two] = [openTopic(), openTopic()];
    const reader = await connect(gateway);
    reader.send({ op: "subscribe", ref: 1, topics: [one], types: ["x"] });
    reader.send({ op: "subscribe", ref: 2, topics: [two] });
    await reader.op("subscribed", 2);
    await gateway.current.publisher.publish(
      { topic: one, data: 1, type: "y" },
      { topic: one, data: 2, type: "x" },
      { topic: two, data: 3, type: "y" },
    );
    await reader.inbox.take(2);
    expect(dataOf(reader.inbox.events)).toEqual([2, 3]);
  });

  test("unsubscribe ends those topics and leaves the others", async () => {
    const [one, two] = [openTopic(), openTopic()];
    const reader = await connect(gateway, { topics: [one, two] });
    await gateway.current.publisher.publish({ topic: one, data: 1 });
    reader.send({ op: "unsubscribe", ref: 2, topics: [one] });
    expect(await reader.op("unsubscribed")).toEqual({ op: "unsubscribed", ref: 2, topics: [one] });
    await gateway.current.publisher.publish({ topic: one, data: 2 }, { topic: two, data: 3 });
    await reader.inbox.take(2);
    expect(dataOf(reader.inbox.events)).toEqual([1, 3]);
  });

  test("100 topics in all; one more is refused and changes nothing", async () => {
    const topics = Array.from({ length: 100 }, (_, index) => `open/many/${index}`);
    const reader = await connect(gateway);
    reader.send({ op: "subscribe", ref: 1, topics: topics.slice(0, 60) });
    reader.send({ op: "subscribe", ref: 2, topics: topics.slice(60) });
    reader.send({ op: "subscribe", ref: 3, topics: ["open/one-more"] });
    expect(await reader.op("error", 3)).toMatchObject({ code: "too-many-subscriptions" });
    reader.send({ op: "unsubscribe", topics: [topics[0] as string] });
    reader.send({ op: "subscribe", ref: 4, topics: ["open/one-more"] });
    await reader.op("subscribed", 4);
  });

  test("a topic that is live is replayed without what was delivered already", async () => {
    const topic = openTopic();
    await gateway.current.publisher.publish({ topic, data: 1 }, { topic, data: 2 });
    const reader = await connect(gateway, { topics: [topic] });
    await gateway.current.publisher.publish({ topic, data: 3 });
    await reader.inbox.take(1);
    reader.send({ op: "subscribe", ref: 1, topics: [topic], after: "earliest" });
    await reader.op("live", 1);
    await gateway.current.publisher.publish({ topic, data: 4 });
    await reader.inbox.take(4);
    reader.send({ op: "subscribe", ref: 2, topics: [topic], last: 3 });
    await reader.op("live", 2);
    expect(dataOf(reader.inbox.events)).toEqual([3, 1, 2, 4]);
  });

  test("unsubscribe ends a replay too", async () => {
    const [long, short] = [openTopic(), openTopic()];
    const filling = "x".repeat(10_000);
    for (let round = 0; round < 20; round += 1) {
      await gateway.current.publisher.publish(...upTo(1, 100).map(() => ({ topic: long, data: filling })));
    }
    const reader = await connect(gateway);
    reader.pause();
    reader.send({ op: "subscribe", ref: 1, topics: [long], after: "earliest" });
    reader.send({ op: "unsubscribe", ref: 2, topics: [long] });
    reader.send({ op: "subscribe", ref: 3, topics: [short] });
    reader.resume();
    await reader.op("unsubscribed", 2);
    const had = reader.inbox.events.length;
    await reader.op("subscribed", 3);
    await gateway.current.publisher.publish({ topic: long, data: 0 }, { topic: short, data: "end" });
    await reader.inbox.until("the end", () => reader.messages.at(-1)?.includes('"end"') === true);
    // Nothing of it comes behind the answer; and what came before is less than there was.
    expect(reader.inbox.events.length).toBe(had + 1);
    expect(had).toBeLessThan(2000);
  });

  test("a topic that was unsubscribed from goes on where it was left, by its cursor", async () => {
    const topic = openTopic();
    const reader = await connect(gateway, { topics: [topic] });
    const [left] = await gateway.current.publisher.publish({ topic, data: 1 });
    await reader.inbox.take(1);
    reader.send({ op: "unsubscribe", ref: 1, topics: [topic] });
    await reader.op("unsubscribed", 1);
    await gateway.current.publisher.publish({ topic, data: 2 });
    reader.send({ op: "subscribe", ref: 2, topics: [topic], after: left?.cursor });
    await reader.op("live", 2);
    expect(dataOf(reader.inbox.events)).toEqual([1, 2]);
  });
});
