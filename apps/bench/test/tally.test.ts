import { expect, test } from "vitest";
import { Tally } from "../src/clients/tally.ts";
import { summarize } from "../src/load/delays.ts";
import { dueBefore, dueMs, placeOf, type Schedule } from "../src/load/schedule.ts";
import { findStamps, stampText, stampedData, STAMP_BYTES, type Stamp } from "../src/load/stamp.ts";

const schedule: Schedule = { phase: 2, startMs: 1000, eventsPerSecond: 10, topics: 3 };

function found(text: string): readonly Stamp[] {
  const stamps: Stamp[] = [];
  const bytes = Buffer.from(text);
  findStamps(bytes, 0, bytes.length, (phase, topic, sequence, dueUs) => stamps.push({ phase, topic, sequence, dueUs }));
  return stamps;
}

test("a stamp is found in any framing, whole or not at all", () => {
  const stamp: Stamp = { phase: 2, topic: 7, sequence: 12_345_678, dueUs: 1_234_567_890_123 };
  const other: Stamp = { ...stamp, sequence: 0 };
  expect(stampText(stamp)).toHaveLength(STAMP_BYTES);
  expect(stampedData(stamp, 200)).toHaveLength(200);
  expect(found(`{"data":${stampedData(stamp, 60)}}\r\n~S:~${JSON.stringify(stampText(other))}`)).toEqual([
    stamp,
    other,
  ]);
  expect(found(stampText(stamp).slice(0, -1))).toEqual([]);
});

test("events take turns between topics, and how many are due is known at any time", () => {
  expect(placeOf(schedule, 7)).toEqual({ topic: 1, sequence: 2 });
  for (let timeMs = 900; timeMs < 3000; timeMs += 33) {
    const due = Array.from({ length: 60 }, (_, index) => index).filter((index) => dueMs(schedule, index) < timeMs);
    for (const topic of [0, 1, 2]) {
      const expected = due.filter((index) => placeOf(schedule, index).topic === topic).length;
      expect(dueBefore(schedule, topic, timeMs)).toBe(expected);
    }
  }
});

test("the books of a client: lost, doubled, disordered, and what is not its own", () => {
  const tally = new Tally(0, 2, 2);
  tally.begin(schedule, { fromMs: 1000, toMs: 2000 });
  const get = (sequence: number, phase = 2, topic = 0): void =>
    tally.arrived(0, phase, topic, sequence, 1_500_000, 1600);
  for (const sequence of [0, 2, 1, 1, 5]) get(sequence);
  expect(tally.losses([6, 0])).toEqual({ lost: 2, doubled: 1, disordered: 1 });
  expect(tally.losses([8, 0])).toMatchObject({ lost: 4 });
  expect(tally.losses([6, 3])).toMatchObject({ lost: 5 });
  expect(tally.hasFirst(0, 3)).toBe(true);
  expect(tally.hasFirst(0, 4)).toBe(false);
  get(0, 1);
  get(0, 2, 1);
  expect(tally.losses([6, 0])).toEqual({ lost: 2, doubled: 3, disordered: 1 });
  expect(tally.inWindow).toBe(4);
  expect([...tally.delays]).toEqual([100, 100, 100, 100]);
});

test("an event counts for the delays by when it was due, for the rates by when it came", () => {
  const tally = new Tally(0, 1, 1);
  tally.begin({ ...schedule, topics: 1 }, { fromMs: 1000, toMs: 2000 });
  tally.arrived(0, 2, 0, 0, 900_000, 1100);
  tally.arrived(0, 2, 0, 1, 1_900_000, 2500);
  expect(tally.inWindow).toBe(1);
  expect([...tally.delays]).toEqual([600]);
});

test("what delays come to", () => {
  const all = Array.from({ length: 200 }, (_, index) => index + 1);
  const delay = summarize([Float32Array.from(all.slice(0, 50)), Float32Array.from(all.slice(50).toReversed())]);
  expect(delay).toMatchObject({ p50Ms: 100, p90Ms: 180, p99Ms: 198, worstMs: 200 });
  const bounds = delay?.histogram.map(([upToMs]) => upToMs) ?? [];
  expect(bounds).toEqual(bounds.toSorted((one, other) => one - other));
  expect(delay?.histogram.reduce((sum, [, count]) => sum + count, 0)).toBe(200);
  expect(delay?.histogram.at(-1)?.[0]).toBeGreaterThanOrEqual(200);
  expect(summarize([])).toBeNull();
});
