import { expect, test } from "vitest";
import { Scratch } from "../src/session/scratch.ts";

test("what is lent is nobody else's until it is given back, and the same memory then", () => {
  const scratch = new Scratch();
  const first = scratch.lend(10).fill("a");
  const second = scratch.lend(10).fill("b");
  expect(first.toString()).toBe("a".repeat(10));
  scratch.giveBack(second);
  expect(scratch.lend(10)).toBe(second);
  // It is another's by now.
  scratch.giveBack(first);
  const third = scratch.lend(10).fill("c");
  expect(second.toString()).toBe("b".repeat(10));
  scratch.giveBack(third);
  const longer = scratch.lend(20);
  expect(longer.length).toBe(20);
  expect(longer.buffer).toBe(third.buffer);
});

test("it grows with what is asked for, and keeps nothing large", () => {
  const scratch = new Scratch();
  for (const bytes of [1, 5000, 64 * 1024, 64 * 1024 + 1, 1_000_000]) {
    const lent = scratch.lend(bytes);
    expect(lent.length).toBe(bytes);
    scratch.giveBack(lent);
  }
  expect(scratch.lend(1).buffer.byteLength).toBe(64 * 1024);
});
