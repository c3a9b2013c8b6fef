import { createHmac, hash, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const derive = promisify(pbkdf2);

/** What SCRAM-SHA-1 asks for at least is 4096; RFC 7677 says the same, and more where hardware allows. */
const ITERATIONS = 10_000;

/** `SCRAM-SHA-1` and `SCRAM-SHA-256` (RFC 5802, RFC 7677), without channel binding. */
export type ScramHash = "sha1" | "sha256";

/** Mixed into every salt, so that the salts of names that there are and of others look the same and stay the same. */
const saltKey: Buffer = randomBytes(32);

/** The server's side of one exchange. */
export class Scram {
  readonly #hash: ScramHash;
  readonly #passwordOf: (name: string) => string | undefined;
  #name = "";
  #gs2 = "";
  #authzid = "";
  #nonce = "";
  #begun = "";

  constructor(algorithm: ScramHash, passwordOf: (name: string) => string | undefined) {
    this.#hash = algorithm;
    this.#passwordOf = passwordOf;
  }

  /** Whom the client wants to act for; empty: itself. */
  get authzid(): string {
    return this.#authzid;
  }

  /** Takes the client's first message and answers with ours; `null` if it is none. */
  first(message: string): string | null {
    const match = /^((?:n|y),(?:a=([^,]*))?,)(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]{8,256}))(?:,.*)?$/.exec(message);
    if (match === null) return null;
    const [, gs2 = "", authzid = "", bare = "", name = "", nonce = ""] = match;
    this.#gs2 = gs2;
    this.#authzid = unescaped(authzid);
    this.#name = unescaped(name);
    this.#nonce = nonce + randomBytes(18).toString("base64");
    const answer = `r=${this.#nonce},s=${this.#salt().toString("base64")},i=${ITERATIONS}`;
    this.#begun = `${bare},${answer}`;
    return answer;
  }

  /** Takes the client's proof; answers the name and the server's signature, or `null` if the proof is wrong. */
  async final(message: string): Promise<{ readonly name: string; readonly signature: string } | null> {
    const match = /^(c=([A-Za-z0-9+/=]+),r=([^,]+)),p=([A-Za-z0-9+/=]+)$/.exec(message);
    const [, bare = "", binding = "", nonce = "", proof = ""] = match ?? [];
    const password = this.#passwordOf(this.#name);
    // For a name that there is not, the same is worked out and thrown away: it must take as long.
    const secret = (password ?? randomBytes(16).toString("hex")).normalize("NFKC");
    const bytes = this.#hash === "sha1" ? 20 : 32;
    const salted = await derive(secret, this.#salt(), ITERATIONS, bytes, this.#hash);
    const clientKey = this.#hmac(salted, "Client Key");
    const storedKey = hash(this.#hash, clientKey, "buffer");
    const whole = `${this.#begun},${bare}`;
    const signature = this.#hmac(storedKey, whole);
    const expected = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] as number)));
    const given = Buffer.from(proof, "base64");
    const isProven = given.length === expected.length && timingSafeEqual(given, expected);
    const isBound = nonce === this.#nonce && Buffer.from(binding, "base64").toString() === this.#gs2;
    if (match === null || password === undefined || !isProven || !isBound) return null;
    const server = this.#hmac(this.#hmac(salted, "Server Key"), whole);
    return { name: this.#name, signature: `v=${server.toString("base64")}` };
  }

  #salt(): Buffer {
    return createHmac("sha256", saltKey).update(`${this.#hash} ${this.#name}`).digest().subarray(0, 16);
  }

  #hmac(key: Buffer, text: string): Buffer {
    return createHmac(this.#hash, key).update(text).digest();
  }
}

/** A `saslname` of RFC 5802 as it was meant. */
function unescaped(name: string): string {
  return name.replaceAll("=2C", ",").replaceAll("=3D", "=");
}
