import { describe, expect, test } from "vitest";
import { dataOf, upTo } from "../../support/event-json.ts";
import type { TestGateway } from "../../support/test-gateway.ts";
import { freshTopic } from "../../support/topics.ts";
import type { ReaderDriver } from "../drivers/reader-driver.ts";
import { testWith, useDriver, useGateway } from "../use.ts";

/** Where a reader begins: `after` and `last`. */
export function startCases(driver: ReaderDriver): void {
  describe("where reading begins", () => {
    const gateway = useGateway({}, driver);
    const connect = useDriver(driver);

    test.each([undefined, "latest"])("after=%s: with what is published from now on", async (after) => {
      const { topic } = await published(gateway.current, 5);
      const reader = await connect(gateway.current, { topics: [topic], after });
      await gateway.current.publisher.publish({ topic, data: 6 });
      expect(dataOf(await reader.inbox.take(1))).toEqual([6]);
    });

    test("after=earliest: with the oldest retained event", async () => {
      const { topic } = await published(gateway.current, 250);
      const reader = await connect(gateway.current, { topics: [topic], after: "earliest" });
      await gateway.current.publisher.publish({ topic, data: 251 });
      expect(dataOf(await reader.inbox.take(251))).toEqual(upTo(1, 251));
      expect(reader.inbox.gaps).toEqual([]);
    });

    test("after=CURSOR: with the event after that", async () => {
      const { topic, cursors } = await published(gateway.current, 7);
      for (const [index, after] of cursors.entries()) {
        const reader = await connect(gateway.current, { topics: [topic], after });
        if (index === 6) await gateway.current.publisher.publish({ topic, data: 8 });
        const rest = upTo(index + 2, index === 6 ? 8 : 7);
        expect(dataOf(await reader.inbox.take(rest.length))).toEqual(rest);
        expect(reader.inbox.gaps).toEqual([]);
        await reader.close();
      }
    });

    test("last=N: the newest N of those filters, oldest first, then live", async () => {
      const { topic } = await published(gateway.current, 9);
      await published(gateway.current, 3);
      const reader = await connect(gateway.current, { topics: [topic], last: 3 });
      await reader.inbox.take(3);
      await gateway.current.publisher.publish({ topic, data: 10 });
      expect(dataOf(await reader.inbox.take(4))).toEqual([7, 8, 9, 10]);
      expect(reader.inbox.gaps).toEqual([]);
    });

    testWith(driver, "types")("last=N counts only events that match, over several topics in log order", async () => {
      const root = freshTopic();
      const { publisher } = gateway.current;
      await publisher.publish({ topic: `${root}/a`, data: 1, type: "yes" });
      await publisher.publish({ topic: `${root}/b`, data: 2, type: "yes" });
      await publisher.publish(
        { topic: `${root}/a`, data: 3, type: "no" },
        { topic: `${root}/c`, data: 4, type: "yes" },
      );
      await publisher.publish({ topic: `${root}/a`, data: 5, type: "yes" });
      const reader = await connect(gateway.current, { topics: [`${root}/a`, `${root}/b`], types: ["yes"], last: 2 });
      expect(dataOf(await reader.inbox.take(2))).toEqual([2, 5]);
    });

    test("last=100 where fewer are retained: all of them, no gap", async () => {
      const { topic } = await published(gateway.current, 4);
      const reader = await connect(gateway.current, { topics: [topic], last: 100 });
      await reader.inbox.take(4);
      await gateway.current.publisher.publish({ topic, data: 5 });
      expect(dataOf(await reader.inbox.take(5))).toEqual(upTo(1, 5));
      expect(reader.inbox.gaps).toEqual([]);
    });

    test("last=0 is as good as latest", async () => {
      const { topic, cursors } = await published(gateway.current, 4);
      const reader = await connect(gateway.current, { topics: [topic], last: 0 });
      // Where the gateway is asked without waiting there is no telling when a long poll has begun: publish till it has.
      let data = 4;
      while (reader.inbox.events.length === 0) {
        data += 1;
        await gateway.current.publisher.publish({ topic, data });
      }
      expect(JSON.parse(reader.inbox.events[0] as string).data).toBeGreaterThan(4);
      expect(reader.inbox.cursor).not.toBe(cursors[3]);
    });

    test("while events are being published, last=N leaves nothing out between the last and the live", async () => {
      const { topic } = await published(gateway.current, 20);
      const publishing = (async () => {
        for (let data = 21; data <= 120; data += 1) await gateway.current.publisher.publish({ topic, data });
      })();
      const reader = await connect(gateway.current, { topics: [topic], last: 10 });
      await publishing;
      await reader.inbox.until("the newest event", () => dataOf(reader.inbox.events).at(-1) === 120);
      const data = dataOf(reader.inbox.events);
      expect(data).toEqual(upTo(data[0] as number, 120));
      expect(data[0]).toBeGreaterThan(10);
    });
  });
}

async function published(gateway: TestGateway, count: number): Promise<{ topic: string; cursors: readonly string[] }> {
  const topic = freshTopic();
  const receipts = await gateway.publisher.publish(...upTo(1, count).map((data) => ({ topic, data })));
  return { topic, cursors: receipts.map(({ cursor }) => cursor) };
}
