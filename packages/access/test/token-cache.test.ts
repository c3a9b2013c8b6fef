import { expect, test } from "vitest";
import { NO_GRANTS } from "@sluice/core";
import { type CachedToken, TokenCache } from "../src/tokens/token-cache.ts";

function entry(subject: string): CachedToken {
  return { token: { subject, grants: NO_GRANTS, expiresAtMs: null }, isByRemoteKey: false };
}

test("the cache keeps the ten thousand tokens that were used last", () => {
  const cache = new TokenCache();
  for (let index = 0; index < 10_000; index += 1) cache.set(`token-${index}`, entry(String(index)));
  expect(cache.get("token-0")?.token.subject).toBe("0");
  cache.set("one more", entry("one more"));
  expect(cache.size).toBe(10_000);
  expect(cache.get("token-0")).toBeDefined();
  expect(cache.get("token-1")).toBeUndefined();
  expect(cache.get("token-2")).toBeDefined();
});

test("it keeps no token that is long, and none that was forgotten", () => {
  const cache = new TokenCache();
  cache.set("x".repeat(4_097), entry("long"));
  expect(cache.size).toBe(0);
  expect(cache.get("x".repeat(4_097))).toBeUndefined();
  cache.set("a", entry("a"));
  cache.set("b", entry("b"));
  cache.delete("a");
  expect(cache.get("a")).toBeUndefined();
  cache.clear();
  expect(cache.get("b")).toBeUndefined();
});
