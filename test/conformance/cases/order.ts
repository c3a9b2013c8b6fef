import { describe, expect, test } from "vitest";
import { oddData } from "../../support/odd-data.ts";
import { rawMember } from "../../support/raw-json.ts";
import { freshTopic } from "../../support/topics.ts";
import type { Connecting } from "../drivers/reader-driver.ts";
import { cursorOf } from "../../support/event-json.ts";
import { testWith, useDriver, useGateway } from "../use.ts";

/** Events arrive in log order, each once, with the very bytes of their one encoding. */
export function orderCases(driver: Connecting): void {
  describe("order and form", () => {
    const gateway = useGateway({}, driver);
    const connect = useDriver(driver);

    test("events of many publishers and topics arrive in log order, each once", async () => {
      const root = freshTopic();
      const reader = await connect(gateway.current, { topics: [`${root}/*`] });
      const receipts = await Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          gateway.current.publisher.publish(
            ...[0, 1, 2].map((place) => ({ topic: `${root}/${(index + place) % 5}`, data: { index, place } })),
          ),
        ),
      );
      const received = await reader.inbox.take(600);
      const batches = received.map((json) => JSON.parse(json).data as { index: number; place: number });
      const cursors = received.map(cursorOf);
      expect(new Set(cursors).size).toBe(600);
      for (const [index, batch] of receipts.entries()) {
        const at = cursors.indexOf(batch[0]?.cursor as string);
        expect(cursors.slice(at, at + 3)).toEqual(batch.map(({ cursor }) => cursor));
        expect(batches.slice(at, at + 3)).toEqual([0, 1, 2].map((place) => ({ index, place })));
      }
      const again = await connect(gateway.current, { topics: [`${root}/*`], after: "earliest" });
      expect(await again.inbox.take(600)).toEqual(received);
    });

    test("an event that several filters match arrives once", async () => {
      const root = freshTopic();
      const topics = [`${root}/a`, `${root}/*`, `${root}/**`, "**", `${root}/a`];
      const reader = await connect(gateway.current, { topics });
      await gateway.current.publisher.publish({ topic: `${root}/a`, data: 1 }, { topic: `${root}/a/b`, data: 2 });
      await gateway.current.publisher.publish({ topic: `${root}/end`, data: 3 });
      await reader.inbox.take(3);
      expect(reader.inbox.events.map((json) => JSON.parse(json).data)).toEqual([1, 2, 3]);
    });

    test("members come in the contract's order, with what the publisher gave", async () => {
      const topic = freshTopic();
      const reader = await connect(gateway.current, { topics: [topic] });
      const time = "2026-11-23T02:15:00.123Z";
      const [given] = await gateway.current.publisher.publish({
        topic,
        data: { a: 1 },
        type: "order.ready",
        id: "An-id_1",
        time,
      });
      const [plain] = await gateway.current.publisher.publish({ topic, data: [] });
      const [first, second] = await reader.inbox.take(2);
      expect(first).toBe(
        `{"id":"An-id_1","topic":"${topic}","type":"order.ready","time":"${time}","cursor":"${given?.cursor}","data":{"a":1}}`,
      );
      expect(Object.keys(JSON.parse(second as string))).toEqual(["id", "topic", "type", "time", "cursor", "data"]);
      expect(JSON.parse(second as string)).toMatchObject({ id: plain?.id, type: "message", cursor: plain?.cursor });
      expect(JSON.parse(second as string).time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
    });

    test.each(oddData)("data is passed on as it was written: %s", async (_name, text) => {
      const topic = freshTopic();
      const reader = await connect(gateway.current, { topics: [topic] });
      await gateway.current.publisher.publishRaw(`{"topic":"${topic}","data":${text}}`);
      const [json] = await reader.inbox.take(1);
      expect(rawMember(json as string, "data")).toBe(text);
    });

    test("data written over several lines stays one event with the same meaning", async () => {
      const topic = freshTopic();
      const reader = await connect(gateway.current, { topics: [topic] });
      const data = { a: [1, { b: " two  spaces " }], c: "x" };
      await gateway.current.publisher.publishRaw(
        `{\r\n"topic":"${topic}",\n\n"data": ${JSON.stringify(data, null, "\r\n\t")}\r\n}`,
      );
      const [json] = await reader.inbox.take(1);
      expect(JSON.parse(json as string).data).toEqual(data);
    });

    test("bytes that are not JSON come as data_base64", async () => {
      const topic = freshTopic();
      const reader = await connect(gateway.current, { topics: [topic] });
      await gateway.current.publisher.publish({ topic, data_base64: "AAH/", datacontenttype: "image/png" });
      const [json] = await reader.inbox.take(1);
      expect(
        Object.keys(JSON.parse(json as string))
          .slice(-2)
          .sort(),
      ).toEqual(["data_base64", "datacontenttype"]);
      expect(JSON.parse(json as string)).toMatchObject({ data_base64: "AAH/", datacontenttype: "image/png" });
      expect(JSON.parse(json as string)).not.toHaveProperty("data");
    });

    testWith(driver, "types")("only events of the types asked for arrive", async () => {
      const topic = freshTopic();
      const reader = await connect(gateway.current, { topics: [topic], types: ["order.ready", "message"] });
      await gateway.current.publisher.publish(
        { topic, data: 1, type: "order.ready" },
        { topic, data: 2, type: "order.taken" },
        { topic, data: 3 },
        { topic, data: 4, type: "order" },
        { topic, data: 5, type: "order.ready" },
      );
      await reader.inbox.take(3);
      expect(reader.inbox.events.map((json) => JSON.parse(json).data)).toEqual([1, 3, 5]);
    });

    test("an event of the largest size arrives whole", async () => {
      const topic = freshTopic();
      const reader = await connect(gateway.current, { topics: [topic] });
      const data = "ü".repeat(128 * 1024 - 200);
      await gateway.current.publisher.publish({ topic, data }, { topic, data: "after" });
      const [large, after] = await reader.inbox.take(2);
      expect(JSON.parse(large as string).data).toBe(data);
      expect(JSON.parse(after as string).data).toBe("after");
    });
  });
}
