import { describe, expect, test } from "vitest";
import { systemDraft } from "../../support/drafts.ts";
import { topicsOf } from "../../support/event-json.ts";
import { SECRET, tokenFor } from "../../support/tokens.ts";
import { freshTopic } from "../../support/topics.ts";
import type { ReaderDriver } from "../drivers/reader-driver.ts";
import { placeOf, useDriver, useGateway } from "../use.ts";

/** What a pattern matches, of those below the root. */
const PATTERNS: readonly (readonly [string, readonly string[]])[] = [
  ["a", ["a"]],
  ["*", ["a", "b", "ä\u200dö", "$sys"]],
  ["**", ["a", "b", "a/b", "a/b/c", "b/b", "ä\u200dö", "$sys", "a/$sys"]],
  ["*/b", ["a/b", "b/b"]],
  ["a/*", ["a/b", "a/$sys"]],
  ["a/**", ["a/b", "a/b/c", "a/$sys"]],
  ["*/*/*", ["a/b/c"]],
  ["*/**", ["a/b", "a/b/c", "b/b", "a/$sys"]],
  ["a/b/*", ["a/b/c"]],
];
const TOPICS = ["a", "b", "a/b", "a/b/c", "b/b", "ä\u200dö", "$sys", "a/$sys"];

/** Filters: wildcards, many topics, the gateway's own topics. */
export function topicCases(driver: ReaderDriver): void {
  describe("topics and patterns", () => {
    const gateway = useGateway({ access: { public: ["**"], jwt: { secret: SECRET } } }, driver);
    const connect = useDriver(driver);

    test.each(PATTERNS)("%s matches what it says", async (pattern, expected) => {
      const root = freshTopic();
      const reader = await connect(gateway.current, { topics: [`${root}/${pattern}`, `${root}-end`] });
      await gateway.current.publisher.publish(...TOPICS.map((topic) => ({ topic: `${root}/${topic}`, data: 0 })));
      await gateway.current.publisher.publish({ topic: `${root}-end`, data: 0 });
      await reader.inbox.until("the end", () => topicsOf(reader.inbox.events).includes(`${root}-end`));
      expect(topicsOf(reader.inbox.events).slice(0, -1)).toEqual(
        TOPICS.filter((topic) => expected.includes(topic)).map((topic) => `${root}/${topic}`),
      );
    });

    test("** and * don't show the gateway's own topics; $sys/** does, with a grant", async () => {
      const topics = ["**", "*", "*/*", "*/**"];
      const reader = await connect(gateway.current, { topics });
      const accessToken = tokenFor({ read: ["$sys/**"] });
      const operator = await connect(gateway.current, { topics: ["$sys/**"], accessToken });
      await gateway.current.gateway.bus.publish([systemDraft("$sys/test", "1")]);
      const end = freshTopic();
      await gateway.current.publisher.publish({ topic: end, data: 1 });
      await reader.inbox.until("the end", () => topicsOf(reader.inbox.events).includes(end));
      const late = await connect(gateway.current, { topics, after: "earliest" });
      await late.inbox.until("the end", () => topicsOf(late.inbox.events).includes(end));
      const newest = await connect(gateway.current, { topics, last: 2 });
      await newest.inbox.take(2);
      for (const { inbox } of [reader, late, newest]) {
        expect(topicsOf(inbox.events).filter((topic) => topic.startsWith("$sys"))).toEqual([]);
      }
      expect(topicsOf(await operator.inbox.take(1))).toEqual(["$sys/test"]);
      expect((await driver.refusal({ ...placeOf(gateway.current), topics: ["$sys/**"] })).status).toBe(401);
      expect((await driver.refusal({ ...placeOf(gateway.current), topics: ["$sys/test"] })).status).toBe(401);
    });

    test("100 topics on one connection", async () => {
      const root = freshTopic();
      const topics = Array.from({ length: 100 }, (_, index) => `${root}/${index}`);
      const reader = await connect(gateway.current, { topics });
      await gateway.current.publisher.publish(...topics.map((topic) => ({ topic, data: 0 })), {
        topic: `${root}/100`,
        data: 0,
      });
      await gateway.current.publisher.publish({ topic: `${root}/0`, data: 1 });
      expect(topicsOf(await reader.inbox.take(101))).toEqual([...topics, `${root}/0`]);
    });

    test("101 topics are 400", async () => {
      const topics = Array.from({ length: 101 }, (_, index) => `t/${index}`);
      const answer = await driver.refusal({ ...placeOf(gateway.current), topics });
      expect(answer.status).toBe(400);
      expect(answer.json()["code"]).toEqual(expect.any(String));
    });

    test("a topic of 255 bytes and 16 segments is one, and is what was published", async () => {
      const root = freshTopic();
      const topic = `${root}/${"s/".repeat(14)}`;
      const whole = topic + "é".repeat(Math.floor((255 - Buffer.byteLength(topic)) / 2));
      const reader = await connect(gateway.current, { topics: [whole] });
      await gateway.current.publisher.publish({ topic: whole, data: 1 });
      expect(topicsOf(await reader.inbox.take(1))).toEqual([whole]);
    });
  });
}
