import { describe, expect, test } from "vitest";
import { Pace } from "../../../src/stage/tap/pace.ts";

describe("a pace", () => {
  test("of a good line lets everything through at once", () => {
    const pace = new Pace();
    expect(pace.take(1_000_000, 5)).toBe(1_000_000);
    expect([pace.latencyMs, pace.freeAt]).toEqual([0, 0]);
  });

  test("gives the line in turns, and adds up to its rate", () => {
    const pace = new Pace();
    pace.slow(70, 1_000);
    expect(pace.latencyMs).toBe(70);
    expect(pace.take(500, 1_000)).toBe(20);
    expect(pace.freeAt).toBe(1_020);
    // Another connection, before the line is free.
    expect(pace.take(5, 1_010)).toBe(5);
    expect(pace.freeAt).toBe(1_025);
    // Time that was not used is gone.
    expect(pace.take(20, 2_000)).toBe(20);
    expect(pace.freeAt).toBe(2_020);
  });

  test("lets at least a byte through", () => {
    const pace = new Pace();
    pace.slow(0, 10);
    expect(pace.take(100, 0)).toBe(1);
    expect(pace.freeAt).toBe(100);
  });

  test("forgets what was promised when it is healed", () => {
    const pace = new Pace();
    pace.slow(50, 10);
    pace.take(100, 0);
    pace.heal();
    expect([pace.latencyMs, pace.freeAt]).toEqual([0, 0]);
  });
});
