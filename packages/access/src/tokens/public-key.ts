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
};
const EXPECTED = "expected a public key or certificate in PEM";

/**
 * Reads a PEM: a public key (SPKI or PKCS #1) or an X.509 certificate, whose dates and issuer don't matter here. Of
 * several blocks the first counts, so that a certificate's chain doesn't make its issuers' keys ours.
 * @throws {Error} whose message says what it is and what was expected
 */
export function readPublicKey(pem: string): PublicKey {
  // Node would derive the public key from a private one; but then that lies around where none should be.
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) throw new Error(`a private key; ${EXPECTED}`);
  let key: KeyObject;
  try {
    key = createPublicKey(pem.trim());
  } catch (cause) {
    throw new Error(`not a key that can be read; ${EXPECTED}`, { cause });
  }
  return { key, algorithms: algorithmsOf(key) };
}

function algorithmsOf({ asymmetricKeyType: type, asymmetricKeyDetails: details = {} }: KeyObject): JwtAlgorithm[] {
  if (type === "rsa") {
    const bits = details.modulusLength ?? 0;
    if (bits < RSA_MIN_BITS)
      throw new Error(`an RSA key of ${bits} bits; expected at least ${RSA_MIN_BITS} (RFC 7518)`);
    return ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
  }
  // WebCrypto, which checks the signatures, knows no such keys.
  if (type === "rsa-pss") {
    throw new Error("a key of the type RSA-PSS; expected one of the type RSA, with which PS256 goes as well");
  }
  if (type === "ed25519") return ["EdDSA"];
  const algorithm = type === "ec" ? CURVES[details.namedCurve ?? ""] : undefined;
  if (algorithm === undefined) {
    throw new Error("a key of this kind checks no JWT; expected RSA, P-256, P-384 or Ed25519");
  }
  return [algorithm];
}
