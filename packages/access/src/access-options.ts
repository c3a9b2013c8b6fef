import type { Clock, Filter, Logger } from "@sluice/core";
import {
  DEFAULT_ALGORITHMS,
  isJwtAlgorithm,
  JWT_ALGORITHMS,
  type JwtAlgorithm,
  type KeyKind,
  keyKind,
} from "./tokens/algorithms.ts";
import type { GrantSource } from "./grant-source.ts";
import { type PublicKey, readPublicKey } from "./tokens/public-key.ts";

/** Which tokens are ours. At least one of `secret`, `publicKey` and `jwks`; several may be there at once. */
export interface JwtOptions {
  /** Shared secret of the HMAC algorithms, as text. RFC 7518 §3.2 wants 32 bytes for HS256; fewer are warned of. */
  readonly secret?: string | null | undefined;
  /** PEM text of a public key (SPKI, PKCS #1) or certificate (X.509). */
  readonly publicKey?: string | null | undefined;
  /** URL of a JSON Web Key Set: https, or http on loopback. */
  readonly jwks?: string | null | undefined;
  /** Default (also for an empty list): HS256 with a secret; RS256, PS256, ES256 and EdDSA with public keys. */
  readonly algorithms?: readonly string[] | undefined;
  /** The token's `aud` must hold one of these. Default, and empty: not checked. */
  readonly audience?: string | readonly string[] | null | undefined;
  /** The token's `iss` must be one of these. Default, and empty: not checked. */
  readonly issuer?: string | readonly string[] | null | undefined;
  /** Name of the cookie that may carry the token. Default: none may. */
  readonly cookie?: string | null | undefined;
}

/** Who may do what; what a reload replaces. */
export interface AccessRules {
  /** Filters that anyone may read. */
  readonly public: readonly Filter[];
  readonly jwt: JwtOptions | null;
  /** Asked for what neither the public filters nor the token grant. */
  readonly sources?: readonly GrantSource[] | undefined;
}

/** What {@link createAccess} takes. */
export interface AccessOptions extends AccessRules {
  readonly clock?: Clock | undefined;
  readonly logger?: Logger | undefined;
}

/** One thing wrong with the options. */
export interface AccessOptionFault {
  /** `jwt.publicKey`, for instance. */
  readonly option: string;
  readonly problem: string;
}

/** The options can't be used; all faults at once. Holds no secret. */
export class AccessOptionsError extends Error {
  override readonly name = "AccessOptionsError";
  readonly faults: readonly AccessOptionFault[];

  constructor(faults: readonly AccessOptionFault[]) {
    super(faults.map(({ option, problem }) => `${option}: ${problem}`).join("; "));
    this.faults = faults;
  }
}

/** {@link JwtOptions}, checked and complete. */
export interface JwtRules {
  readonly secret: Uint8Array | null;
  readonly publicKey: PublicKey | null;
  readonly jwks: URL | null;
  readonly algorithms: readonly JwtAlgorithm[];
  readonly audience: readonly string[];
  readonly issuer: readonly string[];
  readonly cookie: string | null;
}

type Report = (option: string, problem: string) => void;

const COOKIE_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** @throws {AccessOptionsError} */
export function resolveJwt(options: JwtOptions): JwtRules {
  const faults: AccessOptionFault[] = [];
  const report: Report = (option, problem) => faults.push({ option: `jwt.${option}`, problem });
  const secret = readSecret(options.secret, report);
  const publicKey = readPem(options.publicKey, report);
  const jwks = readUrl(options.jwks, report);
  const kinds = new Set<KeyKind>();
  if (options.secret !== undefined && options.secret !== null) kinds.add("secret");
  if ((options.publicKey ?? options.jwks ?? null) !== null) kinds.add("public");
  if (kinds.size === 0) report("secret", "one of secret, publicKey and jwks is needed");
  const algorithms = readAlgorithms(options.algorithms ?? [], kinds, report);
  if (publicKey !== null && !publicKey.algorithms.some((algorithm) => algorithms.includes(algorithm))) {
    report(
      "publicKey",
      `it goes with ${publicKey.algorithms.join(", ")} only, and the algorithms are ${algorithms.join(", ")}`,
    );
  }
  const cookie = options.cookie ?? null;
  if (cookie !== null && !COOKIE_NAME.test(cookie)) report("cookie", "it is not a cookie's name");
  if (faults.length > 0) throw new AccessOptionsError(faults);
  return Object.freeze({
    secret,
    publicKey,
    jwks,
    algorithms,
    audience: list(options.audience),
    issuer: list(options.issuer),
    cookie,
  });
}

function list(value: string | readonly string[] | null | undefined): readonly string[] {
  return typeof value === "string" ? [value] : [...(value ?? [])];
}

function readSecret(secret: string | null | undefined, report: Report): Uint8Array | null {
  if (secret === undefined || secret === null) return null;
  if (secret.length === 0) report("secret", "it is empty");
  return new TextEncoder().encode(secret);
}

function readPem(pem: string | null | undefined, report: Report): PublicKey | null {
  if (pem === undefined || pem === null) return null;
  try {
    return readPublicKey(pem);
  } catch (error) {
    report("publicKey", error instanceof Error ? error.message : String(error));
    return null;
  }
}

function readUrl(text: string | null | undefined, report: Report): URL | null {
  if (text === undefined || text === null) return null;
  const url = URL.parse(text);
  if (url === null) {
    report("jwks", "it is not a URL");
  } else if (url.protocol !== "https:" && !(url.protocol === "http:" && LOOPBACK.test(url.hostname))) {
    report("jwks", "it must be https (http only on loopback)");
  } else if (url.username !== "" || url.password !== "") {
    report("jwks", "it may not hold a user or password");
  }
  return url;
}

function readAlgorithms(
  names: readonly string[],
  kinds: ReadonlySet<KeyKind>,
  report: Report,
): readonly JwtAlgorithm[] {
  if (names.length === 0) return [...kinds].flatMap((kind) => DEFAULT_ALGORITHMS[kind]);
  const algorithms: JwtAlgorithm[] = [];
  for (const name of new Set(names)) {
    if (!isJwtAlgorithm(name)) {
      report("algorithms", `${name} is not one of ${JWT_ALGORITHMS.join(", ")}`);
    } else if (!kinds.has(keyKind(name))) {
      report("algorithms", `${name} needs ${keyKind(name) === "secret" ? "secret" : "publicKey or jwks"}`);
    } else {
      algorithms.push(name);
    }
  }
  return algorithms;
}
