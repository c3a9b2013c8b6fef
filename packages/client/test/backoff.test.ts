import { describe, expect, test } from "vitest";
import { backoffMs } from "../src/backoff.ts";
import { retryAfterMs } from "../src/request.ts";

describe("backoffMs", () => {
  test("full jitter below a ceiling that doubles, up to half a minute", () => {
    expect([0, 1, 2, 3, 6, 50].map((attempt) => backoffMs(attempt, null, 1))).toEqual([
      500, 1000, 2000, 4000, 30_000, 30_000,
    ]);
    expect(backoffMs(5, null, 0)).toBe(0);
  });

  test("never sooner than the gateway asked for, and not all in the same moment", () => {
    expect(backoffMs(0, 10_000, 0)).toBe(10_000);
    expect(backoffMs(0, 10_000, 0.5)).toBe(10_250);
    expect(backoffMs(6, 100, 1)).toBe(30_000);
  });
});

describe("retryAfterMs", () => {
  const now = Date.parse("2026-11-24T08:00:00Z");
  test.each([
    ["2", 2000],
    ["Tue, 24 Nov 2026 08:00:10 GMT", 10_000],
    ["Tue, 24 Nov 2026 07:00:00 GMT", null],
    ["99999999", 600_000],
    ["-1", null],
    ["0", null],
    ["soon", null],
    ["", null],
  ])("%j: %j", (value, ms) => {
    expect(retryAfterMs(value, now)).toBe(ms);
  });
});
