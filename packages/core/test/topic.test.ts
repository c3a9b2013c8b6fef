import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkPublishTopic, covers, isTopic, matches, parseFilter } from "../src/topic.ts";
import { SluiceError } from "../src/errors.ts";

function codeOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return error instanceof SluiceError ? error.code : "not a SluiceError";
  }
}

describe("topics", () => {
  it.each([
    "a",
    "orders/42",
    "bücher/日本",
    "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p",
    "x".repeat(255),
    "👩‍👩‍👧/ok",
    "$sys",
    'quo"te',
    "a.b",
  ])("takes %j", (topic) => {
    expect(isTopic(topic)).toBe(true);
  });

  it.each([
    "",
    "/",
    "a/",
    "/a",
    "a//b",
    "a b",
    "a\tb",
    "a\u00a0b",
    "a\u2028b",
    "a#b",
    "a?b",
    "a%b",
    "a\\b",
    "a/*",
    "a*",
    ".",
    "a/../b",
    "a/.",
    "\u0000",
    "\ud800",
    "\u200b",
    "x".repeat(256),
    "é".repeat(128),
    "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q",
  ])("refuses %j", (topic) => {
    expect(isTopic(topic)).toBe(false);
    expect(codeOf(() => checkPublishTopic(topic))).toBe("invalid-topic");
  });

  it("lets nobody publish to the gateway's own topics", () => {
    expect(codeOf(() => checkPublishTopic("$sys/hooks/1"))).toBe("invalid-topic");
    expect(codeOf(() => checkPublishTopic("$sys"))).toBe("invalid-topic");
    expect(codeOf(() => checkPublishTopic("$system"))).toBeUndefined();
  });

  it.each(["a**", "**/a", "a/**/b", "*a", "a/*b", "", "a//b", "***"])("refuses the filter %j", (filter) => {
    expect(codeOf(() => parseFilter(filter))).toBe("invalid-filter");
  });

  it.each([
    ["orders/42", "orders/42", true],
    ["orders/42", "orders/43", false],
    ["orders/*", "orders/42", true],
    ["orders/*", "orders", false],
    ["orders/*", "orders/42/items", false],
    ["orders/**", "orders/42/items", true],
    ["orders/**", "orders", false],
    ["*/42", "orders/42", true],
    ["**", "a", true],
    ["**", "a/b/c", true],
    ["**", "$sys/hooks/1", false],
    ["*", "$sys", false],
    ["*/hooks/**", "$sys/hooks/1", false],
    ["$sys/**", "$sys/hooks/1", true],
    ["a/*", "a/$sys", true],
  ])("%s matches %s: %s", (filter, topic, expected) => {
    expect(matches(parseFilter(filter), topic)).toBe(expected);
  });

  it.each([
    ["**", "orders/*", true],
    ["**", "**", true],
    ["**", "$sys/**", false],
    ["*", "**", false],
    ["orders/*", "orders/42", true],
    ["orders/*", "orders/**", false],
    ["orders/**", "orders/*", true],
    ["orders/**", "orders", false],
    ["orders/42", "orders/*", false],
    ["*/42", "orders/42", true],
    ["*/42", "*/42", true],
    ["$sys/**", "$sys/hooks/*", true],
  ])("a grant of %s covers %s: %s", (grant, asked, expected) => {
    expect(covers(parseFilter(grant), parseFilter(asked))).toBe(expected);
  });

  const segment = fc.constantFrom("a", "b", "$sys");
  const topic = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
  const filter = fc
    .tuple(fc.array(fc.constantFrom("a", "b", "$sys", "*"), { minLength: 1, maxLength: 3 }), fc.boolean())
    .map(([parts, isOpen]) => parseFilter([...parts, ...(isOpen ? ["**"] : [])].join("/")));

  it("grants no topic that a covering grant does not match", () => {
    fc.assert(
      fc.property(filter, filter, topic, (grant, asked, name) => {
        if (covers(grant, asked) && matches(asked, name)) expect(matches(grant, name)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
