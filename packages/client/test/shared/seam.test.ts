import { assert, boolean, integer, property, record } from "fast-check";
import { describe, expect, test } from "vitest";
import type { SluiceEvent } from "../../src/event.ts";
import { newSeam } from "../../src/shared/seam.ts";

function event(number: number): SluiceEvent<number> {
  return { id: `e${number}`, topic: "t", type: "message", time: "", cursor: `a-${number}`, data: number };
}

function range(from: number, to: number): SluiceEvent<number>[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => event(from + index));
}

describe("a seam", () => {
  test("what is told waits until the reading has ended", () => {
    const seam = newSeam();
    expect(seam.tell(range(3, 4))).toEqual([]);
    expect(seam.read(range(1, 2))).toBe(false);
    expect(seam.close()).toEqual(range(3, 4));
    expect(seam.tell(range(5, 6))).toEqual(range(5, 6));
  });

  test("the reading has met what was told: no more pages are needed", () => {
    const seam = newSeam();
    seam.tell(range(3, 6));
    expect(seam.read(range(1, 4))).toBe(true);
    expect(seam.close()).toEqual(range(5, 6));
  });

  test("who has read ahead passes over what is told late", () => {
    const seam = newSeam();
    seam.read(range(1, 6));
    expect(seam.close()).toEqual([]);
    expect(seam.tell(range(5, 8))).toEqual(range(7, 8));
    expect(seam.tell(range(9, 9))).toEqual(range(9, 9));
  });

  test("more than is remembered may be told while the reading goes on", () => {
    const seam = newSeam();
    seam.tell(range(11, 25_000));
    const got: SluiceEvent<number>[] = [];
    for (let from = 1; ; from += 500) {
      const page = range(from, Math.min(from + 499, 25_000));
      got.push(...page);
      if (seam.read(page) || page.length === 0) break;
    }
    got.push(...(seam.close() as SluiceEvent<number>[]));
    expect(got.map(({ data }) => data)).toEqual(range(1, 25_000).map(({ data }) => data));
  });

  // The log grows while it is read, and what is told lags behind it: whatever the interleaving, each event comes once.
  test("each event comes once and in order, however reading and telling interleave", () => {
    const steps = record({
      before: integer({ min: 0, max: 30 }),
      during: integer({ min: 0, max: 30 }),
      after: integer({ min: 0, max: 30 }),
      pageSize: integer({ min: 1, max: 12 }),
      lag: integer({ min: 0, max: 8 }),
      growsPerPage: integer({ min: 0, max: 12 }),
      tellsInOne: boolean(),
    });
    assert(
      property(steps, ({ before, during, after, pageSize, lag, growsPerPage, tellsInOne }) => {
        const seam = newSeam();
        const got: number[] = [];
        const total = before + during + after;
        let head = before;
        let told = before;
        let read = 0;
        const tellUpTo = (upTo: number): void => {
          const items = range(told + 1, upTo);
          told = Math.max(told, upTo);
          const pieces = tellsInOne ? [items] : items.map((item) => [item]);
          for (const piece of pieces) for (const item of seam.tell(piece)) got.push(item.data as number);
        };
        for (;;) {
          head = Math.min(head + growsPerPage, before + during);
          tellUpTo(head - lag);
          const page = range(read + 1, Math.min(read + pageSize, head));
          read += page.length;
          got.push(...page.map(({ data }) => data));
          if (seam.read(page) || page.length === 0) break;
        }
        for (const item of seam.close()) got.push(item.data as number);
        tellUpTo(total);
        expect(got).toEqual(range(1, total).map(({ data }) => data));
      }),
      { numRuns: 500 },
    );
  });
});
