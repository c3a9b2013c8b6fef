import { ManualClock } from "@sluice/core/testing";
import { beforeEach, expect, test } from "vitest";
import { type Deadline, Deadlines } from "../src/deadlines.ts";

let clock: ManualClock;
let deadlines: Deadlines;
let reached: string[];

beforeEach(() => {
  clock = new ManualClock();
  deadlines = new Deadlines(clock);
  reached = [];
});

function deadline(name: string, inMs: number, then: () => void = () => undefined): Deadline {
  return {
    atMs: clock.now() + inMs,
    reached() {
      reached.push(name);
      then();
    },
  };
}

test("deadlines are reached in their order, once, and none early", () => {
  for (const [name, inMs] of [
    ["c", 9_000],
    ["a", 2_000],
    ["b", 2_001],
  ] as const)
    deadlines.add(deadline(name, inMs));
  clock.advance(1_999);
  expect(reached).toEqual([]);
  clock.advance(1);
  expect(reached).toEqual(["a"]);
  clock.advance(999);
  expect(reached).toEqual(["a"]);
  clock.advance(1);
  expect(reached).toEqual(["a", "b"]);
  clock.advance(60_000);
  expect(reached).toEqual(["a", "b", "c"]);
  expect(deadlines.size).toBe(0);
});

test("ten thousand deadlines need one timer, and none is left when the last one goes", () => {
  const all = Array.from({ length: 10_000 }, (_, index) => deadline(String(index), 1_000 + index));
  for (const one of all) deadlines.add(one);
  expect(clock.pending).toBe(1);
  expect(deadlines.size).toBe(10_000);
  for (const one of all) deadlines.remove(one);
  expect(clock.pending).toBe(0);
  clock.advance(60_000);
  expect(reached).toEqual([]);
});

test("an earlier deadline added later is reached first", () => {
  deadlines.add(deadline("late", 3_600_000));
  clock.advance(500);
  deadlines.add(deadline("soon", 500));
  clock.advance(500);
  expect(reached).toEqual(["soon"]);
});

test("a deadline that has passed is reached soon, but not inside add", () => {
  deadlines.add(deadline("late", 3_600_000));
  deadlines.add(deadline("passed", -5_000));
  expect(reached).toEqual([]);
  clock.advance(0);
  expect(reached).toEqual(["passed"]);
});

test("a clock that is set forward or back is followed", () => {
  deadlines.add(deadline("a", 3_600_000));
  clock.step(3_600_000);
  clock.advance(1_000);
  expect(reached).toEqual(["a"]);
  deadlines.add(deadline("b", 2_000));
  clock.step(-10_000);
  clock.advance(11_000);
  expect(reached).toEqual(["a"]);
  clock.advance(1_000);
  expect(reached).toEqual(["a", "b"]);
});

test("a deadline beyond what a timer can count to is not reached early", () => {
  deadlines.add(deadline("far", 2 ** 40));
  clock.advance(100_000);
  expect(reached).toEqual([]);
});

test("what a deadline removes is not reached, and what it adds comes later", () => {
  const second = deadline("second", 1_000);
  const added = deadline("added", 1_000);
  deadlines.add(
    deadline("first", 1_000, () => {
      deadlines.remove(second);
      deadlines.add(added);
    }),
  );
  deadlines.add(second);
  clock.advance(1_000);
  expect(reached).toEqual(["first", "added"]);
  expect(clock.pending).toBe(0);
});

test("closing in the middle of it stops the rest", () => {
  deadlines.add(deadline("first", 1_000, () => deadlines.close()));
  deadlines.add(deadline("second", 1_000));
  deadlines.add(deadline("third", 2_000));
  clock.advance(10_000);
  expect(reached).toEqual(["first"]);
  expect(clock.pending).toBe(0);
});
