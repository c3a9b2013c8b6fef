import { describe, expect, test } from "vitest";
import { dataOf, upTo } from "../../support/event-json.ts";
import { TestGateway } from "../../support/test-gateway.ts";
import { freshTopic } from "../../support/topics.ts";
import type { ReaderDriver } from "../drivers/reader-driver.ts";
import { testWith, useDriver, useGateway, useOwnGateways, withNeeds } from "../use.ts";

const RETAINED = 10;

/** What retention has taken away is told, precisely and once. */
export function gapCases(driver: ReaderDriver): void {
  describe("gaps", () => {
    const gateway = useGateway({ retention: { events: RETAINED } }, driver);
    const own = useOwnGateways();
    const connect = useDriver(driver);

    test("expired: told once, before the oldest retained event, and delivery goes on", async () => {
      const topic = freshTopic();
      const cursors = await publish(gateway.current, topic, 1, 5 + RETAINED);
      const reader = await connect(gateway.current, { topics: [topic], after: cursors[1] });
      await reader.inbox.take(RETAINED);
      await publish(gateway.current, topic, 6 + RETAINED, 1);
      expect(dataOf(await reader.inbox.take(RETAINED + 1))).toEqual(upTo(6, 6 + RETAINED));
      expect(reader.inbox.gaps).toEqual([
        { after: cursors[1], resumed_at: expect.any(String), reason: "expired", before: 0 },
      ]);
    });

    test("reading after resumed_at gives the first retained event, without a gap", async () => {
      const topic = freshTopic();
      const cursors = await publish(gateway.current, topic, 1, 3 + RETAINED);
      const reader = await connect(gateway.current, { topics: [topic], after: cursors[0] });
      await reader.inbox.until("the gap", () => reader.inbox.gaps.length > 0);
      const again = await connect(gateway.current, { topics: [topic], after: reader.inbox.gaps[0]?.resumed_at });
      expect(dataOf(await again.inbox.take(RETAINED))).toEqual(upTo(4, 3 + RETAINED));
      expect(again.inbox.gaps).toEqual([]);
    });

    test("told once: a reader that comes back with the cursor it got after it is not told again", async () => {
      const topic = freshTopic();
      const cursors = await publish(gateway.current, topic, 1, 3 + RETAINED);
      const reader = await connect(gateway.current, { topics: [topic], after: cursors[0] });
      await reader.inbox.take(RETAINED);
      reader.cut();
      expect(reader.inbox.gaps).toHaveLength(1);
      const back = await connect(gateway.current, { topics: [topic], after: reader.inbox.cursor as string });
      await publish(gateway.current, topic, 100, 2);
      expect(dataOf(await back.inbox.take(2))).toEqual([100, 101]);
      expect(back.inbox.gaps).toEqual([]);
    });

    test("a quiet topic has none, however old the cursor", async () => {
      const topic = freshTopic();
      const [last] = await publish(gateway.current, topic, 1, 1);
      await publish(gateway.current, freshTopic(), 1, 3 * RETAINED);
      for (const topics of [[topic], [freshTopic()], [topic, `${freshTopic()}/**`]]) {
        const reader = await connect(gateway.current, { topics, after: last });
        await publish(gateway.current, topics[0] as string, 2, 1);
        expect(dataOf(await reader.inbox.take(1))).toEqual([2]);
        expect(reader.inbox.gaps).toEqual([]);
      }
    });

    testWith(driver, "types")("where only events of other types were trimmed there is none", async () => {
      const topic = freshTopic();
      const [cursor] = await publish(gateway.current, topic, 1, 1);
      await gateway.current.publisher.publish({ topic, data: 2, type: "noise" });
      await publish(gateway.current, freshTopic(), 1, RETAINED);
      const reader = await connect(gateway.current, { topics: [topic], types: ["signal"], after: cursor });
      await gateway.current.publisher.publish({ topic, data: 3, type: "signal" });
      expect(dataOf(await reader.inbox.take(1))).toEqual([3]);
      expect(reader.inbox.gaps).toEqual([]);
      const other = await connect(gateway.current, { topics: [topic], types: ["noise"], after: cursor });
      await other.inbox.until("the gap", () => other.inbox.gaps.length === 1);
    });

    test("a pattern has one as soon as anything that it matches was trimmed", async () => {
      const root = freshTopic();
      const [cursor] = await publish(gateway.current, freshTopic(), 1, 1);
      await publish(gateway.current, `${root}/a/b`, 1, 1);
      await publish(gateway.current, freshTopic(), 1, RETAINED);
      const none = await connect(gateway.current, { topics: [`${root}/*`], after: cursor });
      const one = await connect(gateway.current, { topics: [`${root}/**`], after: cursor });
      await one.inbox.until("the gap", () => one.inbox.gaps.length === 1);
      await publish(gateway.current, `${root}/c`, 7, 1);
      expect(dataOf(await none.inbox.take(1))).toEqual([7]);
      expect(none.inbox.gaps).toEqual([]);
      expect(dataOf(await one.inbox.take(1))).toEqual([7]);
      expect(one.inbox.gaps).toHaveLength(1);
    });

    test("expired is told also when nothing that matches is retained", async () => {
      const topic = freshTopic();
      const cursors = await publish(gateway.current, topic, 1, 3);
      await publish(gateway.current, freshTopic(), 1, RETAINED);
      const reader = await connect(gateway.current, { topics: [topic], after: cursors[0] });
      await reader.inbox.until("the gap", () => reader.inbox.gaps.length === 1);
      await publish(gateway.current, topic, 4, 1);
      expect(dataOf(await reader.inbox.take(1))).toEqual([4]);
      expect(reader.inbox.gaps).toHaveLength(1);
    });

    test("never with after=earliest", async () => {
      const topic = freshTopic();
      await publish(gateway.current, topic, 1, 2 * RETAINED);
      const reader = await connect(gateway.current, { topics: [topic], after: "earliest" });
      expect(dataOf(await reader.inbox.take(RETAINED))).toEqual(upTo(RETAINED + 1, 2 * RETAINED));
      expect(reader.inbox.gaps).toEqual([]);
    });

    test("reset: a cursor of another log is told on every filter, and all that is retained follows", async () => {
      const before = await own(TestGateway.start(withNeeds({}, driver)));
      const topic = freshTopic();
      const [foreign] = await publish(before, topic, 1, 1);
      const after = await own(TestGateway.start(withNeeds({}, driver)));
      await publish(after, topic, 1, 3);
      const reader = await connect(after, { topics: [topic], after: foreign });
      expect(dataOf(await reader.inbox.take(3))).toEqual([1, 2, 3]);
      expect(reader.inbox.gaps).toEqual([
        { after: foreign, resumed_at: expect.any(String), reason: "reset", before: 0 },
      ]);
      const quiet = await connect(after, { topics: [freshTopic()], after: foreign });
      await quiet.inbox.until("the gap", () => quiet.inbox.gaps.length === 1);
      expect(quiet.inbox.gaps[0]).toMatchObject({ after: foreign, reason: "reset" });
    });

    test("reset in an empty log: told once, and what is published next arrives", async () => {
      const before = await own(TestGateway.start(withNeeds({}, driver)));
      const topic = freshTopic();
      const [foreign] = await publish(before, topic, 1, 1);
      const empty = await own(TestGateway.start(withNeeds({}, driver)));
      const reader = await connect(empty, { topics: [topic], after: foreign });
      await reader.inbox.until("the gap", () => reader.inbox.gaps.length === 1);
      const resumedAt = reader.inbox.gaps[0]?.resumed_at;
      await publish(empty, topic, 1, 2);
      expect(dataOf(await reader.inbox.take(2))).toEqual([1, 2]);
      expect(reader.inbox.gaps).toHaveLength(1);
      const again = await connect(empty, { topics: [topic], after: resumedAt });
      expect(dataOf(await again.inbox.take(2))).toEqual([1, 2]);
      expect(again.inbox.gaps).toEqual([]);
    });
  });
}

async function publish(gateway: TestGateway, topic: string, first: number, count: number): Promise<readonly string[]> {
  const events = upTo(first, first + count - 1).map((data) => ({ topic, data }));
  return (await gateway.publisher.publish(...events)).map(({ cursor }) => cursor);
}
