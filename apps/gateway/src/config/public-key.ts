import { createPublicKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { JwtAlgorithm } from "./config.ts";
import { readText } from "./config-file.ts";

/** A public key: as PEM (SPKI), and the algorithms that it can check; or what is wrong with it. */
export type PublicKey =
  | { readonly pem: string; readonly algorithms: readonly JwtAlgorithm[] }
  | { readonly problem: string };

const MIN_RSA_BITS = 2048;

/** Reads a public key or certificate: PEM text, or the path of a file with it. */
export async function readPublicKey(textOrPath: string): Promise<PublicKey> {
  if (isPem(textOrPath)) return parsePublicKey(textOrPath);
  const file = await readText(textOrPath);
  if ("problem" in file) return { problem: `the file ${JSON.stringify(textOrPath)} ${file.problem}` };
  return parsePublicKey(file.text);
}

function isPem(text: string): boolean {
  return text.trimStart().startsWith("-----BEGIN ");
}

function parsePublicKey(text: string): PublicKey {
  const expected = "expected a public key or certificate in PEM";
  // Environment files often hold a PEM in one line, with \n written out.
  const pem = text.trim().replaceAll("\\n", "\n");
  if (/PRIVATE KEY/.test(pem)) return { problem: `a private key; ${expected}` };
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    return { problem: `not a key that can be read; ${expected}` };
  }
  const { modulusLength = MIN_RSA_BITS } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < MIN_RSA_BITS) {
    return { problem: `an RSA key of ${modulusLength} bits; expected at least ${MIN_RSA_BITS} (RFC 7518)` };
  }
  // WebCrypto, which checks the signatures, knows no such keys.
  if (key.asymmetricKeyType === "rsa-pss") {
    return { problem: "a key of the type RSA-PSS; expected one of the type RSA, with which PS256 goes as well" };
  }
  const algorithms = algorithmsOf(key);
  if (algorithms.length === 0)
    return { problem: "a key of this kind checks no JWT; expected RSA, P-256, P-384 or Ed25519" };
  return { pem: key.export({ type: "spki", format: "pem" }).toString(), algorithms };
}

function algorithmsOf(key: KeyObject): readonly JwtAlgorithm[] {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === "rsa") return ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
  if (type === "ed25519") return ["EdDSA"];
  if (type === "ec" && details?.namedCurve === "prime256v1") return ["ES256"];
  return type === "ec" && details?.namedCurve === "secp384r1" ? ["ES384"] : [];
}
