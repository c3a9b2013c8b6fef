import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { JwtOptions } from "../src/index.ts";
import { accessWith, bearer, filters, mayRead, outcome } from "./support/access.ts";
import { CERTIFICATE, CERTIFIED_TOKEN } from "./support/certificate.ts";
import { ecPair, edPair, type Pair, rsaPair } from "./support/keys.ts";
import { forge, READS, SECRET, sign } from "./support/tokens.ts";

const rsa = rsaPair();
const ec = ecPair();
const ed = edPair();
const NOW = Math.floor(Date.UTC(2026, 0, 1) / 1_000);
const HS256 = { alg: "HS256" };

describe("a token opens what it grants", () => {
  test.each<[string, JwtOptions, string | Pair]>([
    ["HS256", { secret: SECRET }, SECRET],
    ["HS384", { secret: SECRET, algorithms: ["HS384"] }, SECRET],
    ["HS512", { secret: SECRET, algorithms: ["HS256", "HS512"] }, SECRET],
    ["HS256", { secret: "short" }, "short"],
    ["HS256", { secret: "ключ, не ASCII" }, "ключ, не ASCII"],
    ["RS256", { publicKey: rsa.pem }, rsa],
    ["PS256", { publicKey: rsa.pem }, rsa],
    ["RS512", { publicKey: rsa.pem, algorithms: ["RS512"] }, rsa],
    ["ES256", { publicKey: ec.pem }, ec],
    ["EdDSA", { publicKey: ed.pem }, ed],
    ["Ed25519", { publicKey: ed.pem }, ed],
    ["HS256", { secret: SECRET, publicKey: rsa.pem }, SECRET],
    ["RS256", { secret: SECRET, publicKey: rsa.pem }, rsa],
  ])("%s with %j", async (alg, jwt, key) => {
    const { access } = accessWith({ jwt });
    const token = await sign(READS, typeof key === "string" ? key : key.privateKey, { alg });
    expect(await mayRead(access, bearer(token), "orders/1")).toBe("granted");
    expect(await mayRead(access, bearer(token), "orders/1", "bills/1")).toBe("forbidden");
  });

  test("and says who it is", async () => {
    const { access } = accessWith();
    const token = await sign({ sub: "ann", exp: NOW + 60, sluice: { read: ["a"], publish: ["b/**"], hooks: ["c"] } });
    expect(await access.identify(bearer(token))).toMatchObject({
      subject: "ann",
      grants: { read: filters("a"), publish: filters("b/**"), hooks: filters("c") },
      expiresAtMs: (NOW + 60) * 1_000,
      hasCredentials: true,
      isByCookie: false,
      credentials: bearer(token),
    });
  });

  test.each([5, null, ["ann"], { name: "ann" }])("with sub %j it is nobody's", async (sub) => {
    const { access } = accessWith();
    const principal = await access.identify(bearer(forge(HS256, { ...READS, sub })));
    expect(principal.subject).toBeNull();
    expect(await outcome(access.check(principal, "read", filters("orders/1")))).toBe("granted");
  });

  test("by a certificate, whatever its dates", async () => {
    const { access } = accessWith({ jwt: { publicKey: CERTIFICATE } });
    expect(await mayRead(access, bearer(CERTIFIED_TOKEN), "orders/1")).toBe("granted");
    expect(await mayRead(access, bearer(await sign(READS, ec.privateKey, { alg: "ES256" })), "menu")).toBe(
      "unauthorized",
    );
  });
});

describe("a token that is not good is 401, also where everybody may read", () => {
  const cases: [string, string | Promise<string>][] = [
    ["nothing", ""],
    ["no token", "hello"],
    ["two parts", "e30.e30"],
    ["four parts", `${forge(HS256, READS)}.e30`],
    ["garbage in base64url", `${randomBytes(30).toString("base64url")}.${randomBytes(30).toString("base64url")}.AAAA`],
    ["not base64url", forge(HS256, READS).replace(".", ".=+/")],
    ["a header that is no object", forge([HS256], READS)],
    ["a header that is null", forge("null", READS)],
    ["a header that is no JSON", forge("{alg:HS256}", READS)],
    ["a header without alg", forge({ typ: "JWT" }, READS)],
    ["alg none, unsigned", forge({ alg: "none" }, READS, null)],
    ["alg NONE, unsigned", forge({ alg: "NONE" }, READS, null)],
    ["alg none, signed", forge({ alg: "none" }, READS)],
    ["alg empty", forge({ alg: "" }, READS)],
    ["alg of another type", forge({ alg: ["HS256"] }, READS)],
    ["alg inherited", forge({ alg: "toString" }, READS)],
    ["alg in another case", forge({ alg: "hs256" }, READS)],
    ["HS256, unsigned", forge(HS256, READS, null)],
    ["HS384, not listed", sign(READS, SECRET, { alg: "HS384" })],
    ["HS512, not listed", sign(READS, SECRET, { alg: "HS512" })],
    ["RS256 without a public key", forge({ alg: "RS256" }, READS, rsa.privateKey)],
    ["another secret", sign(READS, "another secret of thirty-two bytes")],
    ["a key of its own", forge({ alg: "RS256", jwk: rsa.publicKey.export({ format: "jwk" }) }, READS, rsa.privateKey)],
    ["a secret of its own", forge({ alg: "HS256", jwk: { kty: "oct", k: "YWJj" } }, READS, "abc")],
    ["truncated", forge(HS256, READS).slice(0, -3)],
    ["other claims under the signature", tampered()],
    ["unknown crit", forge({ alg: "HS256", crit: ["exp2"], exp2: 1 }, READS)],
    ["crit that names what is not there", forge({ alg: "HS256", crit: ["exp2"] }, READS)],
    ["empty crit", forge({ alg: "HS256", crit: [] }, READS)],
    ["crit of another type", forge({ alg: "HS256", crit: "exp" }, READS)],
    ["unencoded payload", forge({ alg: "HS256", crit: ["b64"], b64: false }, READS)],
    ["claims that are no JSON", forge(HS256, "{sub:")],
    ["claims that are a list", forge(HS256, [READS])],
    ["claims that are null", forge(HS256, "null")],
    ["exp a string", forge(HS256, { ...READS, exp: String(NOW + 60) })],
    ["exp null", forge(HS256, { ...READS, exp: null })],
    ["exp a list", forge(HS256, { ...READS, exp: [NOW + 60] })],
    ["exp beyond all numbers", forge(HS256, '{"exp":1e999,"sluice":{"read":["menu"]}}')],
    ["exp now", forge(HS256, { ...READS, exp: NOW })],
    ["exp long ago", forge(HS256, { ...READS, exp: 0 })],
    ["exp negative", forge(HS256, { ...READS, exp: -1 })],
    ["nbf to come", forge(HS256, { ...READS, nbf: NOW + 2 })],
    ["nbf a string", forge(HS256, { ...READS, nbf: "0" })],
    ["iat a string", forge(HS256, { ...READS, iat: "0" })],
    ["huge", forge(HS256, { ...READS, padding: "x".repeat(20_000) })],
    ["huge and no token", "a".repeat(1_000_000)],
    ["a deeply nested header", forge(`{"alg":"HS256","a":${"[".repeat(5_000)}${"]".repeat(5_000)}}`, READS, "x")],
  ];

  test.each(cases)("%s", async (_, token) => {
    const { access } = accessWith();
    const text = await token;
    expect(await mayRead(access, bearer(text), "menu")).toBe("unauthorized");
    expect(await mayRead(access, { accessToken: text }, "menu")).toBe("unauthorized");
  });

  test("nor does one that is refused let the next one in", async () => {
    const { access } = accessWith({ jwt: { secret: SECRET, cookie: "auth" } });
    const good = await sign(READS);
    expect(await mayRead(access, { authorization: "Bearer x", cookie: `auth=${good}` }, "menu")).toBe("unauthorized");
    expect(await mayRead(access, { cookie: "auth=x", accessToken: good }, "menu")).toBe("unauthorized");
  });

  test("and its text tells the client why, not what our keys are", async () => {
    const { access } = accessWith();
    const detail = async (token: string): Promise<string> =>
      access.identify(bearer(token)).then(String, (error: unknown) => (error as Error).message);
    expect(await detail(forge(HS256, { ...READS, exp: NOW - 1 }))).toBe("The token is not good: it has expired.");
    expect(await detail(forge(HS256, READS, "x"))).toBe("The token is not good: its signature is not valid.");
    expect(await detail(forge({ alg: "none" }, READS))).toBe(
      "The token is not good: its algorithm is not allowed here.",
    );
  });
});

describe("a public key is no secret", () => {
  const spellings = [
    rsa.pem,
    rsa.pem.trim(),
    rsa.pem.replaceAll("\n", ""),
    rsa.publicKey.export({ type: "spki", format: "der" }),
  ];

  test.each([
    ["a public key alone", { publicKey: rsa.pem }],
    ["a secret beside it", { publicKey: rsa.pem, secret: SECRET }],
  ])("as the HMAC's key it proves nothing: %s", async (_, jwt) => {
    const { access } = accessWith({ jwt });
    for (const spelling of spellings) {
      const token = forge(HS256, READS, spelling);
      expect(await mayRead(access, bearer(token), "orders/1")).toBe("unauthorized");
    }
  });

  test("a key is used with its own algorithm only", async () => {
    const { access } = accessWith({ jwt: { publicKey: rsa.pem } });
    for (const alg of ["ES256", "EdDSA", "PS256"]) {
      expect(await mayRead(access, bearer(forge({ alg }, READS, rsa.privateKey)), "orders/1")).toBe("unauthorized");
    }
  });
});

describe("audience and issuer", () => {
  const jwt = { secret: SECRET, audience: "sluice", issuer: ["https://a.example", "https://b.example"] };

  test.each<[string, object, string]>([
    ["both right", { aud: "sluice", iss: "https://b.example" }, "granted"],
    ["one of several audiences", { aud: ["x", "sluice"], iss: "https://a.example" }, "granted"],
    ["no audience", { iss: "https://a.example" }, "unauthorized"],
    ["another audience", { aud: "x", iss: "https://a.example" }, "unauthorized"],
    ["an audience that begins so", { aud: "sluice2", iss: "https://a.example" }, "unauthorized"],
    ["an audience of another type", { aud: { sluice: true }, iss: "https://a.example" }, "unauthorized"],
    ["audiences of other types", { aud: [1, null, ["sluice"]], iss: "https://a.example" }, "unauthorized"],
    ["no issuer", { aud: "sluice" }, "unauthorized"],
    ["another issuer", { aud: "sluice", iss: "https://c.example" }, "unauthorized"],
    ["issuer a list", { aud: "sluice", iss: ["https://a.example"] }, "unauthorized"],
  ])("%s", async (_, claims, expected) => {
    const { access } = accessWith({ jwt });
    expect(await mayRead(access, bearer(forge(HS256, { ...READS, ...claims })), "orders/1")).toBe(expected);
  });

  test("don't matter where none is configured", async () => {
    const { access } = accessWith();
    const token = forge(HS256, { ...READS, aud: "x", iss: 5 });
    expect(await mayRead(access, bearer(token), "orders/1")).toBe("granted");
  });
});

describe("claims of another shape grant nothing", () => {
  test.each([
    undefined,
    null,
    true,
    "orders/**",
    5,
    [],
    ["orders/**"],
    [{ read: ["orders/*"] }],
    {},
    { read: null },
    { read: "orders/*" },
    { read: { 0: "orders/*" } },
    { read: ["orders/*", 5] },
    { read: ["orders/*", null] },
    { read: [["orders/*"]] },
    { read: ["orders/*", "a//b"] },
    { read: ["orders/*", "**/a"] },
    { read: ["orders/*", ""] },
    { read: ["orders/*", "x".repeat(256)] },
    { read: ["orders/*"], publish: "all" },
    { READ: ["orders/*"] },
    { ["__proto__"]: { read: ["orders/*"] } },
  ])("%j", async (sluice) => {
    const { access } = accessWith();
    const token = bearer(forge(HS256, { sub: "ann", sluice }));
    expect(await mayRead(access, token, "orders/1")).toBe("forbidden");
    expect(await mayRead(access, token, "menu")).toBe("granted");
  });

  test("own __proto__ keys of the claims grant nothing", async () => {
    const { access } = accessWith();
    const nested = '{"__proto__":{"sluice":{"read":["orders/*"]}},"sluice":{"__proto__":{"read":["orders/*"]}}}';
    expect(await mayRead(access, bearer(forge(HS256, nested)), "orders/1")).toBe("forbidden");
  });

  test("members that are not known mean nothing", async () => {
    const { access } = accessWith();
    const token = forge(HS256, { sluice: { read: ["orders/*"], publish: null, admin: true } });
    expect(await mayRead(access, bearer(token), "orders/1")).toBe("granted");
  });
});

describe("a token's life", () => {
  test("ends in the second of exp, whether it was seen before or not", async () => {
    const { access, clock } = accessWith();
    const seen = bearer(forge(HS256, { ...READS, exp: NOW + 10 }));
    const unseen = bearer(forge(HS256, { ...READS, exp: NOW + 10, jti: "2" }));
    clock.advance(9_999);
    expect(await mayRead(access, seen, "orders/1")).toBe("granted");
    const principal = await access.identify(seen);
    clock.advance(1);
    expect(await mayRead(access, seen, "orders/1")).toBe("unauthorized");
    expect(await mayRead(access, unseen, "orders/1")).toBe("unauthorized");
    expect(await outcome(access.check(principal, "read", filters("menu")))).toBe("unauthorized");
  });

  test("begins with nbf", async () => {
    const { access, clock } = accessWith();
    const token = bearer(forge(HS256, { ...READS, nbf: NOW + 10 }));
    clock.advance(9_999);
    expect(await mayRead(access, token, "orders/1")).toBe("unauthorized");
    clock.advance(1);
    expect(await mayRead(access, token, "orders/1")).toBe("granted");
  });

  test("may hold fractions, and years that no calendar has", async () => {
    const { access } = accessWith();
    const half = await access.identify(bearer(forge(HS256, { ...READS, exp: NOW + 1.5 })));
    expect(half.expiresAtMs).toBe((NOW + 1.5) * 1_000);
    const ever = await access.identify(bearer(forge(HS256, { ...READS, exp: 1e300 })));
    expect(new Date(ever.expiresAtMs ?? 0).toISOString()).toBe("+275760-09-13T00:00:00.000Z");
  });
});

test("a cookie may carry the token, and is told apart", async () => {
  const { access } = accessWith({ jwt: { secret: SECRET, cookie: "auth" } });
  const token = await sign(READS);
  const principal = await access.identify({ cookie: `a=1; auth="${token}"; b=2` });
  expect(principal).toMatchObject({ subject: "ann", isByCookie: true, credentials: { cookie: `auth=${token}` } });
  expect((await access.identify(bearer(token))).isByCookie).toBe(false);
  expect((await access.identify({ accessToken: token })).isByCookie).toBe(false);
});

test("a kid means nothing where there is no key set", async () => {
  const { access } = accessWith();
  for (const kid of ["../../../dev/null", "' OR 1=1 --", "\u0000", "https://evil.example/key"]) {
    expect(await mayRead(access, bearer(await sign(READS, SECRET, { alg: "HS256", kid })), "orders/1")).toBe("granted");
    expect(await mayRead(access, bearer(await sign(READS, "another", { alg: "HS256", kid })), "menu")).toBe(
      "unauthorized",
    );
  }
});

function tampered(): string {
  const [header, , signature] = forge(HS256, READS).split(".");
  return `${header}.${Buffer.from('{"sluice":{"read":["**"]}}').toString("base64url")}.${signature}`;
}
