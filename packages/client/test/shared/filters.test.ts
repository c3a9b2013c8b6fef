import { matches, parseFilter } from "@sluice/core";
import { describe, expect, test } from "vitest";
import { matchesAny } from "../../src/shared/filters.ts";

const FILTERS = ["a", "*", "**", "a/*", "a/**", "*/b", "*/**", "a/b/*", "$sys/**", "$sys/*", "b/**"];
const TOPICS = ["a", "b", "a/b", "a/b/c", "b/b", "$sys", "$sys/x", "$sys/x/y", "a/$sys", "c"];

describe("matchesAny", () => {
  test.each(FILTERS)("%s matches what the gateway's own matching says", (filter) => {
    for (const topic of TOPICS) {
      expect([topic, matchesAny([filter], topic)]).toEqual([topic, matches(parseFilter(filter), topic)]);
    }
  });

  test("one of several is enough, none is not", () => {
    expect(matchesAny(new Set(["x", "a/*"]), "a/b")).toBe(true);
    expect(matchesAny([], "a")).toBe(false);
  });
});
