import { ERRORS } from "@sluice/core";
import { expect, test } from "vitest";
import { GatewayMeter } from "../src/metrics/gateway-meter.ts";
import { LAG_BUCKETS, LagHistogram } from "../src/metrics/lag-histogram.ts";

test("a lag falls into the first bucket whose bound it does not pass", () => {
  const histogram = new LagHistogram();
  histogram.observe(0.5, 3);
  histogram.observe(0.51, 2);
  histogram.observe(10_000, 1);
  histogram.observe(10_001, 4);
  expect(histogram.counts[0]).toBe(3);
  expect(histogram.counts[1]).toBe(2);
  expect(histogram.counts[LAG_BUCKETS.length - 1]).toBe(1);
  expect(histogram.counts[LAG_BUCKETS.length]).toBe(4);
  expect(histogram.sumSeconds).toBeCloseTo(0.0015 + 0.00102 + 10 + 40.004, 9);
});

test("a batch counts once for each reader, and catching up says nothing about the lag", () => {
  const meter = new GatewayMeter(["sse"]);
  meter.delivered("sse", 1000, 3, 500, 2);
  meter.delivered("sse", 1, 10, 700, 0);
  const figures = meter.transports.get("sse");
  expect(figures).toMatchObject({ deliveries: 3010, deliveredBytes: 500_700 });
  expect(figures?.lag.counts.reduce((sum, count) => sum + count, 0)).toBe(1000);
});

test("labels are bounded, whatever they are called with", () => {
  const meter = new GatewayMeter();
  for (let index = 0; index < 1000; index += 1) {
    meter.refused(`made-up-${index}`, "forbidden");
    meter.refused(`made-up-${index}`, `made-up-${index}`);
  }
  expect(meter.transports.size).toBeLessThanOrEqual(33);
  const other = meter.transports.get("other");
  expect([...(other?.refusals.keys() ?? [])].every((code) => code === "other" || Object.hasOwn(ERRORS, code))).toBe(
    true,
  );
  expect(other?.refusals.get("other")).toBe(1000 - 32);
});
