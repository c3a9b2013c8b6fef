import { describe, expect, test } from "vitest";
import { freshTopic } from "../../support/topics.ts";
import type { ReaderDriver } from "../drivers/reader-driver.ts";
import { lackOf, placeOf, titled, useDriver, useGateway } from "../use.ts";

const long = "x".repeat(256);

/** Queries that can't be served, and the code that says so. */
const BAD_QUERIES: readonly (readonly [string, string, string])[] = [
  ["an empty filter", "topic=", "invalid-filter"],
  ["an empty segment", "topic=a//b", "invalid-filter"],
  ["a leading slash", "topic=/a", "invalid-filter"],
  ["a trailing slash", "topic=a/", "invalid-filter"],
  ["** before the end", "topic=a/**/b", "invalid-filter"],
  ["half a wildcard", "topic=a/b*", "invalid-filter"],
  ["three stars", "topic=a/***", "invalid-filter"],
  ["a number sign", "topic=a%23", "invalid-filter"],
  ["a question mark", "topic=a%3f", "invalid-filter"],
  ["a percent sign", "topic=a%2525", "invalid-filter"],
  ["a backslash", "topic=a%5cb", "invalid-filter"],
  ["white space", "topic=a+b", "invalid-filter"],
  ["a no-break space", "topic=a%C2%A0b", "invalid-filter"],
  ["a line end", "topic=a%0ab", "invalid-filter"],
  ["NUL", "topic=a%00b", "invalid-filter"],
  ["a segment that is a dot", "topic=a/./b", "invalid-filter"],
  ["a segment that is two dots", "topic=../a", "invalid-filter"],
  ["256 bytes", `topic=${long}`, "invalid-filter"],
  ["17 segments", `topic=${Array.from({ length: 17 }, () => "a").join("/")}`, "invalid-filter"],
  ["a bad filter among good ones", "topic=a&topic=b&topic=c//d", "invalid-filter"],
  ["a cursor that is none", "topic=a&after=yesterday", "invalid-cursor"],
  ["an empty cursor", "topic=a&after=", "invalid-cursor"],
  ["a cursor with rubbish behind it", "topic=a&after=abc-1%20", "invalid-cursor"],
  ["a cursor beyond all numbers", "topic=a&after=abc-zzzzzzzzzzzzzzzzzzzzzzzz", "invalid-cursor"],
  ["a negative cursor", "topic=a&after=abc--1", "invalid-cursor"],
  ["a cursor of a megabyte's beginning", `topic=a&after=${long.repeat(10)}`, "invalid-cursor"],
  ["last is no number", "topic=a&last=many", "invalid-parameter"],
  ["last is negative", "topic=a&last=-1", "invalid-parameter"],
  ["last is a fraction", "topic=a&last=1.5", "invalid-parameter"],
  ["last is above 100", "topic=a&last=101", "invalid-parameter"],
  ["last is empty", "topic=a&last=", "invalid-parameter"],
  ["last and after", "topic=a&last=1&after=latest", "invalid-parameter"],
  ["an empty type", "topic=a&type=", "invalid-parameter"],
  ["a type with a space", "topic=a&type=a+b", "invalid-parameter"],
  ["a type of 129 characters", `topic=a&type=${"x".repeat(129)}`, "invalid-parameter"],
  ["an unknown transport", "topic=a&transport=pigeon", "invalid-parameter"],
  ["bytes that are not UTF-8", "topic=a%FF", ""],
  ["a broken escape", "topic=a%2", ""],
];

/** Requests that can't be served: a clear problem, and nobody else notices. */
export function badInputCases(driver: ReaderDriver): void {
  const lack = lackOf(driver, "http");
  describe.skipIf(lack !== "")(titled("bad input", lack), () => {
    const gateway = useGateway({}, driver);
    const connect = useDriver(driver);

    test.each(BAD_QUERIES)("%s: 400", async (_name, query, code) => {
      const answer = await driver.refusal({ ...placeOf(gateway.current), topics: [], query });
      const problem = answer.json();
      expect(answer.status).toBe(400);
      expect(answer.headers["content-type"]).toContain("application/problem+json");
      expect(answer.headers["cache-control"]).toContain("no-store");
      expect(problem).toMatchObject({
        status: 400,
        title: expect.any(String),
        code: expect.stringMatching(/^[a-z-]+$/),
      });
      if (code !== "") expect(problem["code"]).toBe(code);
    });

    test("all of them at once leave other readers undisturbed", async () => {
      const topic = freshTopic();
      const reader = await connect(gateway.current, { topics: [topic] });
      const publishing = (async () => {
        for (let data = 1; data <= 50; data += 1) await gateway.current.publisher.publish({ topic, data });
      })();
      const answers = await Promise.all(
        BAD_QUERIES.map(([, query]) => driver.refusal({ ...placeOf(gateway.current), topics: [], query })),
      );
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([400]));
      await publishing;
      const received = await reader.inbox.take(50);
      expect(received.map((json) => JSON.parse(json).data)).toEqual(
        Array.from({ length: 50 }, (_, index) => index + 1),
      );
      expect(reader.inbox.end).toBeNull();
    });
  });
}
