import { createPublicKey, type KeyObject } from "node:crypto";
import type { JwtAlgorithm } from "./algorithms.ts";

/** A public key and the algorithms that it can check. */
export interface PublicKey {
  readonly key: KeyObject;
  readonly algorithms: readonly JwtAlgorithm[];
}

const RSA_MIN_BITS = 2048;
const CURVES: Readonly<Record<string, JwtAlgorithm>> = {
  prime256v1: "ES256",
  secp384r1: "ES384",
  secp521r1: "ES512",
};

/**
 * Reads a PEM: a public key (SPKI or PKCS #1) or an X.509 certificate, whose dates and issuer don't matter here. Of
 * several blocks the first counts, so that a certificate's chain doesn't make its issuers' keys ours.
 * @throws {Error} whose message says what is wrong with it
 */
export function readPublicKey(pem: string): PublicKey {
  // Node would derive the public key from a private one; but then that lies around where none should be.
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) throw new Error("it holds a private key; give the public one");
  let key: KeyObject;
  try {
    key = createPublicKey(pem.trim());
  } catch (cause) {
    throw new Error("it is not the PEM of a public key or certificate", { cause });
  }
  return { key, algorithms: algorithmsOf(key) };
}

function algorithmsOf(key: KeyObject): readonly JwtAlgorithm[] {
  const details = key.asymmetricKeyDetails ?? {};
  const type: string = key.asymmetricKeyType ?? "unknown";
  if (type === "rsa") {
    if ((details.modulusLength ?? 0) < RSA_MIN_BITS) throw new Error(`its RSA key has less than ${RSA_MIN_BITS} bits`);
    return ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
  }
  if (type === "ed25519") return ["EdDSA"];
  if (type !== "ec") throw new Error(`a key of type ${type} can't be used`);
  const algorithm = CURVES[details.namedCurve ?? ""];
  if (algorithm === undefined) throw new Error(`its curve ${details.namedCurve ?? ""} can't be used`);
  return [algorithm];
}
