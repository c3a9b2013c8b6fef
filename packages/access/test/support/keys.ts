import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { exportJWK, type JWK } from "jose";

/** A key pair in all the shapes that tests need. */
export interface Pair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** SPKI. */
  readonly pem: string;
}

function pair({ privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject }): Pair {
  return { privateKey, publicKey, pem: publicKey.export({ type: "spki", format: "pem" }).toString() };
}

export function rsaPair(modulusLength = 2048): Pair {
  return pair(generateKeyPairSync("rsa", { modulusLength }));
}

export function ecPair(namedCurve = "P-256"): Pair {
  return pair(generateKeyPairSync("ec", { namedCurve }));
}

export function edPair(type: "ed25519" | "ed448" = "ed25519"): Pair {
  return pair(type === "ed25519" ? generateKeyPairSync("ed25519") : generateKeyPairSync("ed448"));
}

/** The public half as a member of a JWKS. */
export async function publicJwk(of: Pair, members: Readonly<Record<string, unknown>> = {}): Promise<JWK> {
  return { ...(await exportJWK(of.publicKey)), ...members };
}
