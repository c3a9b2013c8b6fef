import { describe, expect, test } from "vitest";
import { freshTopic } from "../../support/topics.ts";
import type { ReaderDriver } from "../drivers/reader-driver.ts";
import { cursorOf } from "../../support/event-json.ts";
import { testWith, useDriver, useGateway } from "../use.ts";

/** A reader that comes back with its last cursor misses nothing and gets nothing twice. */
export function resumeCases(driver: ReaderDriver): void {
  describe("coming back", () => {
    const gateway = useGateway(
      { transports: { sse: { heartbeat: "50ms" }, websocket: { heartbeat: "50ms" } } },
      driver,
    );
    const connect = useDriver(driver);

    test("a reader that is cut off again and again under a running publisher gets all, each once", async () => {
      const topic = freshTopic();
      const [start] = await gateway.current.publisher.publish({ topic, data: 0 });
      const publishing = (async () => {
        for (let data = 1; data <= 400; data += 1) await gateway.current.publisher.publish({ topic, data });
      })();
      const received: string[] = [];
      let cursor = start?.cursor as string;
      for (let wanted = 37; received.length < 400; wanted += 37) {
        const reader = await connect(gateway.current, { topics: [topic], after: cursor });
        const goal = Math.min(wanted, 400) - received.length;
        await reader.inbox.until(`${goal} events`, () => reader.inbox.events.length >= goal);
        reader.cut();
        expect(reader.inbox.gaps).toEqual([]);
        received.push(...reader.inbox.events);
        // One client in two goes by the last event's own cursor, the other by what the transport told it.
        cursor = wanted % 2 === 0 ? cursorOf(received.at(-1) as string) : (reader.inbox.cursor as string);
      }
      await publishing;
      expect(received.map((json) => JSON.parse(json).data)).toEqual(
        Array.from({ length: 400 }, (_, index) => index + 1),
      );
    });

    testWith(driver, "starting cursor")(
      "a reader that was cut off before any event goes on from where it began",
      async () => {
        const topic = freshTopic();
        await gateway.current.publisher.publish({ topic, data: "before" });
        const reader = await connect(gateway.current, { topics: [topic] });
        reader.cut();
        expect(reader.inbox.cursor).not.toBeNull();
        const cursor = reader.inbox.cursor as string;
        await gateway.current.publisher.publish({ topic, data: 1 }, { topic, data: 2 });
        const back = await connect(gateway.current, { topics: [topic], after: cursor });
        await gateway.current.publisher.publish({ topic, data: 3 });
        await back.inbox.take(3);
        expect(back.inbox.events.map((json) => JSON.parse(json).data)).toEqual([1, 2, 3]);
        expect(back.inbox.gaps).toEqual([]);
      },
    );

    testWith(driver, "quiet cursor")("a quiet reader's cursor keeps up with the log", async () => {
      const topic = freshTopic();
      const reader = await connect(gateway.current, { topics: [topic] });
      const began = reader.inbox.cursor;
      const [other] = await gateway.current.publisher.publish({ topic: freshTopic(), data: "elsewhere" });
      expect(other?.cursor).not.toBe(began);
      await reader.inbox.until("the newest cursor", () => reader.inbox.cursor === other?.cursor);
      reader.cut();
      await gateway.current.publisher.publish({ topic, data: 1 });
      const back = await connect(gateway.current, { topics: [topic], after: reader.inbox.cursor as string });
      const [json] = await back.inbox.take(1);
      expect(JSON.parse(json as string).data).toBe(1);
    });

    test("a cursor got for one filter is as good for any other", async () => {
      const root = freshTopic();
      await gateway.current.publisher.publish({ topic: `${root}/a`, data: 1 });
      const [cursor] = await gateway.current.publisher.publish({ topic: `${root}/b`, data: 2 });
      await gateway.current.publisher.publish({ topic: `${root}/a`, data: 3 }, { topic: `${root}/c`, data: 4 });
      const reader = await connect(gateway.current, { topics: [`${root}/a`, `${root}/c`], after: cursor?.cursor });
      await reader.inbox.take(2);
      expect(reader.inbox.events.map((json) => JSON.parse(json).data)).toEqual([3, 4]);
    });
  });
}
