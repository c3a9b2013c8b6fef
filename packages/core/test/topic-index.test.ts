import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { interestIn, isInterested, type Interest } from "../src/interest.ts";
import { TopicIndex } from "../src/topic-index.ts";
import { parseFilter } from "../src/topic.ts";

function found(index: TopicIndex<string>, topic: string, type = "message"): string[] {
  const values = new Set<string>();
  index.match(topic, type, (value) => values.add(value));
  return [...values].sort();
}

const part = fc.constantFrom("a", "b", "c", "$sys");
const topics = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
const filters = fc
  .tuple(fc.array(fc.oneof(part, fc.constant("*")), { minLength: 0, maxLength: 3 }), fc.boolean())
  .filter(([parts, isOpen]) => isOpen || parts.length > 0)
  .map(([parts, isOpen]) => parseFilter([...parts, ...(isOpen ? ["**"] : [])].join("/")));
const interests = fc
  .tuple(fc.array(filters, { minLength: 1, maxLength: 3 }), fc.subarray(["x", "y"]))
  .map(([chosen, types]) => interestIn(chosen, types));

describe("TopicIndex", () => {
  it("finds what going through all interests finds, also after some have left", () => {
    fc.assert(
      fc.property(
        fc.array(interests, { maxLength: 12 }),
        fc.array(fc.nat(20)),
        topics,
        fc.constantFrom("x", "z"),
        (all, leaving, topic, type) => {
          const index = new TopicIndex<string>();
          const present = new Map<string, Interest>();
          for (const [at, interest] of all.entries()) {
            index.add(interest, String(at));
            present.set(String(at), interest);
          }
          for (const at of leaving) {
            const interest = present.get(String(at));
            if (interest === undefined) continue;
            index.remove(interest, String(at));
            present.delete(String(at));
          }
          const expected = [...present]
            .filter(([, interest]) => isInterested(interest, { topic, type }))
            .map(([value]) => value);
          expect(found(index, topic, type)).toEqual(expected.sort());
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("is empty again when everybody has left", () => {
    const index = new TopicIndex<string>();
    const interest = interestIn([parseFilter("a/*/**"), parseFilter("b"), parseFilter("*")]);
    index.add(interest, "one");
    expect(found(index, "a/b/c")).toEqual(["one"]);
    index.remove(interest, "one");
    for (const topic of ["a/b/c", "b", "x"]) expect(found(index, topic)).toEqual([]);
  });

  it("looks at no more values for hundreds of thousands of topics than for ten", () => {
    const index = new TopicIndex<number>();
    for (let at = 0; at < 200_000; at += 1) index.add(interestIn([parseFilter(`t/${at}`)]), at);
    for (let at = 0; at < 10_000; at += 1) index.add(interestIn([parseFilter(`p/${at}/*`)]), -at);
    let visits = 0;
    index.match("t/77", "message", () => (visits += 1));
    index.match("p/77/x", "message", () => (visits += 1));
    expect(visits).toBe(2);
  });
});
