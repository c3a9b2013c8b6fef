import { createHmac, type KeyObject, sign as signBytes } from "node:crypto";
import { type JWTPayload, SignJWT } from "jose";

export const SECRET = "a secret of more than thirty-two bytes";

/** What a token says unless a test says otherwise. */
export const READS: JWTPayload = { sub: "ann", sluice: { read: ["orders/*"] } };

/** A token as jose signs it. */
export async function sign(
  claims: JWTPayload,
  key: KeyObject | string = SECRET,
  header: { alg: string; kid?: string } = { alg: "HS256" },
): Promise<string> {
  const material = typeof key === "string" ? new TextEncoder().encode(key) : key;
  return new SignJWT(claims).setProtectedHeader(header).sign(material);
}

/** A token put together by hand, so that it may hold what jose would not write. Text is taken as it is. */
export function forge(header: unknown, claims: unknown, key: string | Buffer | KeyObject | null = SECRET): string {
  const input = `${part(header)}.${part(claims)}`;
  if (key === null) return `${input}.`;
  const signature =
    typeof key === "string" || Buffer.isBuffer(key)
      ? createHmac("sha256", key).update(input).digest("base64url")
      : signBytes("sha256", Buffer.from(input), key).toString("base64url");
  return `${input}.${signature}`;
}

function part(value: unknown): string {
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
}
