import { expect, test } from "vitest";
import { Pace } from "../src/pace.ts";

test("remembers a bounded number of clients, the latest", () => {
  const pace = new Pace(100);
  pace.note("first", 0);
  for (let n = 0; n < 9999; n += 1) pace.note(`client ${n}`, 1);
  expect(pace.waitMs("first", 50)).toBe(50);
  pace.note("one more", 2);
  expect(pace.waitMs("first", 50)).toBe(0);
  expect(pace.waitMs("client 0", 50)).toBe(51);
});
