import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addToHash, endHash, MAX_RECENT_IDS, RecentIds } from "../src/writing/recent-ids.ts";

const yes = (): boolean => true;

describe("recent ids", () => {
  it("are found by hash, the newest first, as far as they are confirmed", () => {
    const ids = new RecentIds();
    ids.add(7, 1, 0);
    ids.add(8, 2, 0);
    ids.add(7, 3, 0);
    expect(ids.find(7, yes)).toBe(3);
    expect(ids.find(7, (position) => position < 3)).toBe(1);
    expect(ids.find(8, yes)).toBe(2);
    expect(ids.find(9, yes)).toBeNull();
    expect(ids.find(8, () => false)).toBeNull();
  });

  it("are bounded: the oldest go", () => {
    const ids = new RecentIds(10_000);
    for (let position = 1; position <= 30_000; position += 1) ids.add(position, position, position);
    expect(ids.size).toBe(10_000);
    expect(ids.find(20_000, yes)).toBeNull();
    expect(ids.find(20_001, yes)).toBe(20_001);
    expect(MAX_RECENT_IDS).toBeGreaterThanOrEqual(4_000_000);
  });

  it("begin anew where positions are missing", () => {
    const ids = new RecentIds();
    ids.add(1, 1, 0);
    ids.add(2, 10, 0);
    expect([ids.size, ids.find(1, yes), ids.find(2, yes)]).toEqual([1, null, 10]);
  });

  it("are, in any order of adding, taking back and forgetting, like a list", () => {
    const step = fc.oneof(
      fc.record({ add: fc.array(fc.nat(20), { minLength: 1, maxLength: 300 }) }),
      fc.record({ takeBack: fc.nat(100) }),
      fc.record({ forgetMs: fc.nat(5) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const ids = new RecentIds(5000);
        let list: { hash: number; position: number; atMs: number }[] = [];
        let newest = 0;
        let nowMs = 0;
        for (const each of steps) {
          nowMs += 1;
          if ("add" in each) {
            for (const small of each.add) {
              // Hashes that share chains, and some that are equal.
              const hash = small * 4096;
              newest += 1;
              ids.add(hash, newest, nowMs);
              list.push({ hash, position: newest, atMs: nowMs });
            }
            list = list.slice(-5000);
          } else if ("takeBack" in each) {
            newest = Math.max(newest - each.takeBack, list[0] === undefined ? newest : list[0].position - 1);
            ids.forgetAfter(newest);
            list = list.filter(({ position }) => position <= newest);
          } else {
            const throughMs = nowMs - each.forgetMs;
            ids.forgetThrough(throughMs);
            list = list.filter(({ atMs }) => atMs > throughMs);
          }
          expect(ids.size).toBe(list.length);
          for (let small = 0; small <= 20; small += 1) {
            const expected = list.findLast(({ hash }) => hash === small * 4096)?.position ?? null;
            expect(ids.find(small * 4096, yes)).toBe(expected);
            const oldest = list.find(({ hash }) => hash === small * 4096)?.position ?? null;
            expect(ids.find(small * 4096, (position) => position === oldest)).toBe(oldest);
          }
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe("hashes", () => {
  it("go on over parts, differ by seed, and spread", () => {
    const whole = endHash(addToHash(1, "orders/1 abc"));
    expect(endHash(addToHash(addToHash(1, "orders/1 "), "abc"))).toBe(whole);
    expect(endHash(addToHash(2, "orders/1 abc"))).not.toBe(whole);
    const low = new Set<number>();
    for (let n = 0; n < 4096; n += 1) low.add(endHash(addToHash(1, `01KAPX3J5Q8Z${n}`)) % 4096);
    // As many as chance gives: 63 %.
    expect(low.size).toBeGreaterThan(2300);
  });
});
