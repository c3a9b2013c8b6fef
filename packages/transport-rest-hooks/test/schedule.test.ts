import { describe, expect, test } from "vitest";
import { Breaker } from "../src/engine/breaker.ts";
import { outcomeOf } from "../src/engine/outcome.ts";
import { retryAfterMs } from "../src/engine/retry-after.ts";
import { jittered, probeWaitMs } from "../src/engine/schedule.ts";

const NOW = Date.UTC(2026, 0, 1);

test("Retry-After: seconds and dates within 1 s and 24 h; all else is as if absent", () => {
  expect(retryAfterMs("120", NOW)).toBe(120_000);
  expect(retryAfterMs("0", NOW)).toBe(1000);
  expect(retryAfterMs("99999999", NOW)).toBe(86_400_000);
  expect(retryAfterMs(new Date(NOW + 90_000).toUTCString(), NOW)).toBe(90_000);
  expect(retryAfterMs("Thursday, 01-Jan-26 00:01:00 GMT", NOW)).toBe(60_000);
  expect(retryAfterMs("Thu Jan  1 00:01:00 2026", NOW)).toBe(60_000);
  for (const text of [undefined, "", "-5", "1.5", "soon", "0x10", "2026-01-02", new Date(NOW - 1000).toUTCString()]) {
    expect(retryAfterMs(text, NOW)).toBeNull();
  }
});

test("jitter is 20 % at the most, probes double up to 30 min", () => {
  expect([jittered(1000, 0), jittered(1000, 0.5), jittered(1000, 0.999_999)]).toEqual([800, 1000, 1200]);
  expect([0, 1, 2, 10, 1000].map(probeWaitMs)).toEqual([30_000, 60_000, 120_000, 1_800_000, 1_800_000]);
});

test("what answers mean", () => {
  const answered = (status: number, headers: Readonly<Record<string, string>> = {}) =>
    outcomeOf({ kind: "answered", status, headers, text: "" }, NOW);
  expect(answered(204).kind).toBe("delivered");
  expect(answered(410).kind).toBe("gone");
  expect(answered(429)).toEqual({ kind: "wait", waitMs: null });
  expect(answered(429, { "retry-after": "7" })).toEqual({ kind: "wait", waitMs: 7000 });
  expect(answered(503, { "retry-after": "7" })).toEqual({ kind: "wait", waitMs: 7000 });
  for (const code of [502, 503, 504])
    expect(answered(code)).toMatchObject({ kind: "retry", isFailure: true, isOverloaded: true });
  for (const code of [301, 401, 404, 500])
    expect(answered(code)).toMatchObject({ kind: "retry", isFailure: true, isOverloaded: false });
  for (const code of [400, 413, 415, 422])
    expect(answered(code)).toMatchObject({ kind: "retry", tries: 3, isFailure: false });
  expect(outcomeOf({ kind: "failed", error: "forbidden", reason: "" }, NOW).kind).toBe("forbidden");
  expect(outcomeOf({ kind: "failed", error: "timeout", reason: "" }, NOW)).toMatchObject({
    kind: "retry",
    isFailure: true,
  });
});

describe("the breaker", () => {
  test("opens with five failures in a row, over a minute", () => {
    const breaker = new Breaker();
    for (const atMs of [0, 10_000, 20_000, 30_000, 59_999]) expect(breaker.failed(atMs)).toBe(false);
    expect(breaker.failed(60_000)).toBe(true);
  });

  test("never with four; a success begins anew", () => {
    const breaker = new Breaker();
    for (const atMs of [0, 20_000, 40_000, 90_000]) expect(breaker.failed(atMs)).toBe(false);
    breaker.succeeded(95_000);
    for (const atMs of [100_000, 130_000, 160_000, 170_000]) expect(breaker.failed(atMs)).toBe(false);
    expect(breaker.failed(170_001)).toBe(true);
  });

  test("opens when half of twenty failed within five minutes", () => {
    const breaker = new Breaker();
    for (let index = 0; index < 9; index += 1) {
      expect(breaker.failed(index * 100)).toBe(false);
      breaker.succeeded(index * 100 + 50);
    }
    breaker.succeeded(950);
    expect(breaker.failed(1000)).toBe(true);
  });
});
