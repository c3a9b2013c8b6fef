import type { Logger } from "@sluice/core";
import { describe, expect, test } from "vitest";
import { AccessOptionsError, createAccess, type JwtOptions } from "../src/index.ts";
import { ecPair, edPair, rsaPair } from "./support/keys.ts";

const rsa = rsaPair();
const p384 = ecPair("P-384");

function faults(jwt: JwtOptions): string[] {
  try {
    createAccess({ public: [], jwt });
  } catch (error) {
    if (error instanceof AccessOptionsError) return error.faults.map(({ option }) => option);
    throw error;
  }
  return [];
}

describe("what can't be used is named", () => {
  test.each<[string, JwtOptions, string[]]>([
    ["no key at all", {}, ["jwt.secret"]],
    ["nulls as in a config", { secret: null, publicKey: null, jwks: null, cookie: null }, ["jwt.secret"]],
    ["an empty secret", { secret: "" }, ["jwt.secret"]],
    ["no PEM", { publicKey: "ssh-rsa AAAA" }, ["jwt.publicKey"]],
    ["half a PEM", { publicKey: rsa.pem.slice(0, 100) }, ["jwt.publicKey"]],
    ["an empty PEM", { publicKey: "" }, ["jwt.publicKey"]],
    [
      "a private key",
      { publicKey: rsa.privateKey.export({ type: "pkcs8", format: "pem" }).toString() },
      ["jwt.publicKey"],
    ],
    ["a weak RSA key", { publicKey: rsaPair(1024).pem }, ["jwt.publicKey"]],
    ["a curve of another kind", { publicKey: ecPair("secp256k1").pem }, ["jwt.publicKey"]],
    ["Ed448", { publicKey: edPair("ed448").pem }, ["jwt.publicKey"]],
    ["a key that no default algorithm fits", { publicKey: p384.pem }, ["jwt.publicKey"]],
    ["a key that no listed algorithm fits", { publicKey: rsa.pem, algorithms: ["ES256"] }, ["jwt.publicKey"]],
    ["none", { secret: "s", algorithms: ["none"] }, ["jwt.algorithms"]],
    ["an inherited name", { secret: "s", algorithms: ["constructor"] }, ["jwt.algorithms"]],
    ["HMAC without a secret", { publicKey: rsa.pem, algorithms: ["RS256", "HS256"] }, ["jwt.algorithms"]],
    ["RSA with a secret only", { secret: "s", algorithms: ["HS256", "RS256"] }, ["jwt.algorithms"]],
    ["no URL", { jwks: "keys.json" }, ["jwt.jwks"]],
    ["http beyond loopback", { jwks: "http://keys.example.org/" }, ["jwt.jwks"]],
    ["http to a name that begins like loopback", { jwks: "http://127.0.0.1.example.org/" }, ["jwt.jwks"]],
    ["a file", { jwks: "file:///etc/passwd" }, ["jwt.jwks"]],
    ["a password in the URL", { jwks: "https://u:p@example.org/" }, ["jwt.jwks"]],
    ["a cookie with a space", { secret: "s", cookie: "a b" }, ["jwt.cookie"]],
    [
      "everything at once",
      { secret: "", publicKey: "x", jwks: "x", algorithms: ["none"], cookie: "" },
      ["jwt.secret", "jwt.publicKey", "jwt.jwks", "jwt.algorithms", "jwt.cookie"],
    ],
  ])("%s", (_, jwt, named) => {
    expect(faults(jwt)).toEqual(named);
  });
});

test.each<[string, JwtOptions]>([
  ["a PEM of PKCS #1", { publicKey: rsa.publicKey.export({ type: "pkcs1", format: "pem" }).toString() }],
  ["a PEM with white space around it", { publicKey: `\n  ${rsa.pem}\n` }],
  ["a listed algorithm for an unusual key", { publicKey: p384.pem, algorithms: ["ES384"] }],
  ["all kinds of keys", { secret: "s", publicKey: rsa.pem, jwks: "https://example.org/keys" }],
  ["empty lists, as a config has them", { secret: "s", algorithms: [], audience: [], issuer: [] }],
  ["http on loopback", { jwks: "http://localhost:1/" }],
  ["http on loopback by IPv6", { jwks: "http://[::1]:1/" }],
])("can be used: %s", (_, jwt) => {
  expect(faults(jwt)).toEqual([]);
});

test("a short secret is used, and the operator warned, without naming it", () => {
  const warnings: string[] = [];
  const warn: Logger["warn"] = (fields, text) => warnings.push(`${JSON.stringify(fields)} ${text}`);
  const logger: Logger = { debug: () => {}, info: () => {}, warn, error: () => {} };
  createAccess({ public: [], jwt: { secret: "hunter2" }, logger });
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain("32 bytes");
  expect(warnings[0]).not.toContain("hunter2");
});

test("no fault's text holds the secret or the key", () => {
  const jwt = { secret: "hunter2", publicKey: "hunter3", algorithms: ["none"] };
  expect(() => createAccess({ public: [], jwt })).toThrow(/^(?!.*hunter)/);
});
