import { createHmac } from "node:crypto";

/** The secret of the gateways that the tests start. */
export const SECRET = "a-secret-of-the-tests-that-is-long-enough";

/** What a token grants. */
export interface TestGrants {
  readonly read?: readonly string[];
  readonly publish?: readonly string[];
  readonly hooks?: readonly string[];
}

/** A JWT with these claims, signed with HS256 unless the header says otherwise. */
export function signToken(
  claims: Readonly<Record<string, unknown>>,
  options: { readonly secret?: string; readonly header?: Readonly<Record<string, unknown>> } = {},
): string {
  const header = { alg: "HS256", typ: "JWT", ...options.header };
  const text = `${encode(header)}.${encode(claims)}`;
  if (header.alg === "none") return `${text}.`;
  const hash = header.alg.replace("HS", "sha");
  return `${text}.${createHmac(hash, options.secret ?? SECRET)
    .update(text)
    .digest("base64url")}`;
}

/** A token with these grants that lives for `lifeSeconds`. */
export function tokenFor(grants: TestGrants, lifeSeconds = 600): string {
  return signToken({ sub: "tester", exp: Math.floor(Date.now() / 1000) + lifeSeconds, sluice: grants });
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
