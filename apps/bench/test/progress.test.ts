import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import type { PlannedRun } from "../src/plan/plan.ts";
import { planOf } from "../src/plan/plan.ts";
import { FULL } from "../src/plan/scenario.ts";
import { Progress } from "../src/progress/progress.ts";
import { gateway } from "../src/servers/gateway.ts";

const plan: readonly PlannedRun[] = planOf({ ...FULL, transports: ["sse", "bosh"] }, [gateway]);

function told(isTTY: boolean): string {
  const output = Object.assign(new PassThrough(), { isTTY, columns: 60 });
  const progress = new Progress(output, plan);
  progress.begin();
  progress.step("measuring for 11 s");
  progress.failed("it has no wings");
  progress.begin();
  progress.end();
  return String(output.read());
}

test("where nobody watches it is told in plain lines", () => {
  const lines = told(false).split("\n");
  expect(lines[0]).toMatch(/^2 runs, about \d+ s$/);
  expect(lines[1]).toMatch(/^\[1\/2\] sluice SSE: about \d+ s left$/);
  expect(lines[2]).toBe("[1/2] sluice SSE: not measured, it has no wings");
  expect(lines[3]).toMatch(/^\[2\/2\] sluice BOSH: /);
  expect(lines.slice(4)).toEqual([""]);
});

test("on a terminal what is running is one line that changes, no longer than it is wide", () => {
  const parts = told(true).split("\r\u001B[K");
  expect(parts.some((part) => /^\[1\/2\] sluice SSE: measuring for 11 s \(about \d+ s left\)$/.test(part))).toBe(true);
  expect(parts).toContain("[1/2] sluice SSE: not measured, it has no wings\n");
  expect(parts.at(-1)).toBe("");
  for (const part of parts.filter((text) => !text.endsWith("\n"))) expect(part.length).toBeLessThan(60);
});
