import { ManualClock } from "@sluice/core/testing";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { expect, test } from "vitest";
import { mintToken } from "../src/index.ts";
import { accessWith, bearer, filters } from "./support/access.ts";
import { SECRET } from "./support/tokens.ts";

test("a minted token is taken by a gateway with the same secret", async () => {
  const jwt = { secret: SECRET, algorithms: ["HS512"], audience: "sluice", issuer: "ops" };
  const { access, clock } = accessWith({ jwt });
  const token = await mintToken({
    secret: SECRET,
    algorithm: "HS512",
    subject: "ann",
    read: ["orders/*"],
    publish: ["orders/**"],
    hooks: ["menu"],
    expiresInMs: 1_500,
    audience: ["sluice", "app"],
    issuer: "ops",
    clock,
  });
  expect(await access.identify(bearer(token))).toMatchObject({
    subject: "ann",
    grants: { read: filters("orders/*"), publish: filters("orders/**"), hooks: filters("menu") },
    expiresAtMs: clock.now() + 2_000,
  });
});

test("it says no more than it was asked to", async () => {
  const token = await mintToken({ secret: SECRET, read: ["**"], clock: new ManualClock(5_000) });
  expect(decodeProtectedHeader(token)).toEqual({ alg: "HS256", typ: "JWT" });
  expect(decodeJwt(token)).toEqual({ iat: 5, sluice: { read: ["**"] } });
});

test("by the machine's clock, unless given another", async () => {
  const before = Math.floor(Date.now() / 1_000);
  const { iat } = decodeJwt(await mintToken({ secret: SECRET }));
  expect(iat).toBeGreaterThanOrEqual(before);
  expect(iat).toBeLessThanOrEqual(Date.now() / 1_000);
});

test("what no gateway would take is refused", async () => {
  await expect(mintToken({ secret: SECRET, read: ["a//b"] })).rejects.toMatchObject({ code: "invalid-filter" });
  await expect(mintToken({ secret: "" })).rejects.toThrow(RangeError);
  for (const expiresInMs of [0, -1, Number.NaN]) {
    await expect(mintToken({ secret: SECRET, expiresInMs })).rejects.toThrow(RangeError);
  }
});
