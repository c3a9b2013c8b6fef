import { expect, it } from "vitest";
import type { Interest } from "@sluice/core";
import { openForReading } from "../src/file/log-folder.ts";
import { Reader, READER_LIMITS, type ReaderLimits } from "../src/reading/reader.ts";
import { drafts, emptyFolder, interest, open } from "./support.ts";

/** Positions that a whole walk finds, and how many calls it took. */
function walkThrough(
  reader: Reader,
  asked: Interest,
  isForward: boolean,
  from: number,
  limit: number,
): [number[], number] {
  const positions: number[] = [];
  let calls = 0;
  for (let at = from, isEnd = false; !isEnd; calls += 1) {
    const walked = reader.walk({ interest: asked, isForward, from: at, limit, limitBytes: 1e9 });
    positions.push(...walked.positions);
    isEnd = walked.isEnd;
    if (!isEnd && (isForward ? walked.reached <= at : walked.reached >= at)) throw new Error("the walk gets nowhere");
    at = walked.reached;
  }
  return [positions, calls];
}

it("a walk finds the same in whatever steps it is made, in both directions, over the bounds of blocks", async () => {
  const folder = emptyFolder();
  const log = await open(folder);
  const topics: string[] = [];
  // A little more than two blocks of 16 384.
  for (let batch = 0; batch < 34; batch += 1) {
    const events = drafts(1000).map((draft, index) => {
      const n = batch * 1000 + index;
      return { ...draft, topic: n % 1000 === 0 ? `rare/${n % 7}` : `often/${n % 40}` };
    });
    topics.push(...events.map(({ topic }) => topic));
    await log.append(events);
  }
  await log.append(drafts(1, { topic: "last" }));
  topics.push("last");
  const db = openForReading(folder);
  const cases: readonly [string, Interest, (topic: string) => boolean][] = [
    ["one topic", interest("rare/3"), (topic) => topic === "rare/3"],
    ["a few topics", interest("rare/3", "rare/4", "last"), (topic) => /^(rare\/[34]|last)$/u.test(topic)],
    ["a rare pattern", interest("rare/*"), (topic) => topic.startsWith("rare/")],
    ["a broad pattern", interest("*/3"), (topic) => topic.endsWith("/3")],
    ["everything", interest("**"), () => true],
    ["nothing", interest("none", "no/*"), () => false],
  ];
  const limits: readonly Partial<ReaderLimits>[] = [
    {},
    { seeks: 1 },
    { seeks: 1, shortScan: 1 },
    { shortScan: 1, fewLanes: 0 },
    { shortScan: 20, longScan: 5000, fewLanes: 0, seeks: 1 },
  ];
  for (const part of limits) {
    const reader = new Reader(db, "epoch", { ...READER_LIMITS, ...part });
    for (const [what, asked, matches] of cases) {
      const expected = topics.flatMap((topic, index) => (matches(topic) ? [index + 1] : []));
      for (const limit of [7, 1000]) {
        if (what === "everything" && limit === 7) continue;
        const [forward] = walkThrough(reader, asked, true, 0, limit);
        expect(forward, `${what} ${JSON.stringify(part)}`).toEqual(expected);
        const [backward] = walkThrough(reader, asked, false, topics.length + 1, limit);
        expect(backward, `${what}, backwards ${JSON.stringify(part)}`).toEqual(expected.toReversed());
      }
    }
  }
  const [, calls] = walkThrough(
    new Reader(db, "epoch", { ...READER_LIMITS, seeks: 1 }),
    interest("rare/3"),
    true,
    0,
    1000,
  );
  expect(calls).toBe(3);
  db.close();
});
