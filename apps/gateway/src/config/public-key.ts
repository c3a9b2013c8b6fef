import { readPublicKey, type JwtAlgorithm } from "@sluice/access";
import { readText } from "./config-file.ts";

/** A public key: as PEM (SPKI), and the algorithms that it can check; or what is wrong with it. */
export type PemKey =
  | { readonly pem: string; readonly algorithms: readonly JwtAlgorithm[] }
  | { readonly problem: string };

/** Reads a public key or certificate: PEM text, or the path of a file with it. */
export async function readPem(textOrPath: string): Promise<PemKey> {
  if (textOrPath.trimStart().startsWith("-----BEGIN ")) return parsePem(textOrPath);
  const file = await readText(textOrPath);
  if ("problem" in file) return { problem: `the file ${JSON.stringify(textOrPath)} ${file.problem}` };
  return parsePem(file.text);
}

function parsePem(text: string): PemKey {
  try {
    // Environment files often hold a PEM in one line, with \n written out.
    const { key, algorithms } = readPublicKey(text.replaceAll("\\n", "\n"));
    return { pem: key.export({ type: "spki", format: "pem" }).toString(), algorithms };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}
