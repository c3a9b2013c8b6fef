import type { KeyObject } from "node:crypto";
import { type Clock, type Grants, type Logger, SluiceError } from "@sluice/core";
import {
  type CryptoKey,
  decodeProtectedHeader,
  errors,
  type JWTHeaderParameters,
  type JWTPayload,
  jwtVerify,
} from "jose";
import type { JwtRules } from "../access-options.ts";
import { keyKind, namedAlgorithm } from "./algorithms.ts";
import { readGrants } from "./claims.ts";
import { JWKS_COOLDOWN_MS, type RemoteKeySet } from "./remote-key-set.ts";
import { type CachedToken, TokenCache } from "./token-cache.ts";

/** What a token says. */
export interface VerifiedToken {
  readonly subject: string | null;
  readonly grants: Grants;
  /** Wall-clock milliseconds; `null`: never. */
  readonly expiresAtMs: number | null;
}

/**
 * What became of a token. `refused`: one of our keys signed it, yet it is not good (any more). `foreign`: none did, or
 * it is no token at all. `detail` says why, fit for the client's eyes.
 */
export type TokenVerdict =
  | { readonly kind: "valid"; readonly token: VerifiedToken }
  | { readonly kind: "refused" | "foreign"; readonly detail: string };

type Key = Uint8Array | KeyObject | CryptoKey;

/** The longest token that is looked at, in bytes. */
const TOKEN_MAX_BYTES = 16_384;
/** The last moment that a `Date` can tell: tokens that claim to live on end then. */
const LAST_MS = 8_640_000_000_000_000;
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Tells tokens that are ours, and good now, from all others (RFC 7519, RFC 8725). */
export class TokenVerifier {
  readonly #rules: JwtRules;
  readonly #remote: RemoteKeySet | null;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #cache = new TokenCache();

  constructor(rules: JwtRules, remote: RemoteKeySet | null, clock: Clock, logger: Logger) {
    this.#rules = rules;
    this.#remote = remote;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Name of the cookie that may carry the token. */
  get cookie(): string | null {
    return this.#rules.cookie;
  }

  get remote(): RemoteKeySet | null {
    return this.#remote;
  }

  /** A key is no longer good: nothing that was checked counts any more. */
  forget(): void {
    this.#cache.clear();
  }

  /**
   * Checks a token; signatures that were checked before are believed.
   * @throws {SluiceError} `keys-unavailable` if the key that may have signed it can't be fetched
   */
  async verify(text: string): Promise<TokenVerdict> {
    if (text.length > TOKEN_MAX_BYTES || !COMPACT.test(text)) return foreign("it is not a JWT");
    return (await this.#recall(text)) ?? (await this.#examine(text));
  }

  async #recall(text: string): Promise<TokenVerdict | undefined> {
    let cached = this.#cache.get(text);
    if (cached?.isByRemoteKey === true) cached = await this.#recallRemote(text, cached);
    if (cached === undefined) return undefined;
    const { token } = cached;
    if (token.expiresAtMs === null || token.expiresAtMs > this.#clock.now()) return { kind: "valid", token };
    this.#cache.delete(text);
    return refused("it has expired");
  }

  /** What a remote key proved counts only as long as the key does. */
  async #recallRemote(text: string, cached: CachedToken): Promise<CachedToken | undefined> {
    const settling = this.#remote?.settle();
    if (settling === undefined) return this.#remote?.isUsable === true ? cached : undefined;
    await settling;
    return this.#remote?.isUsable === true ? this.#cache.get(text) : undefined;
  }

  async #examine(text: string): Promise<TokenVerdict> {
    const header = readHeader(text);
    if (header === undefined) return foreign("it is not a JWT");
    const algorithm = namedAlgorithm(header.alg);
    if (algorithm === undefined || !this.#rules.algorithms.includes(algorithm)) {
      return foreign("its algorithm is not allowed here");
    }
    if (keyKind(algorithm) === "secret") return this.#prove(text, header.alg, this.#secrets(), false);
    const { publicKey } = this.#rules;
    if (publicKey?.algorithms.includes(algorithm) === true) {
      const verdict = await this.#prove(text, header.alg, [publicKey.key], false);
      if (verdict.kind !== "foreign" || this.#remote === null) return verdict;
    }
    return this.#remote === null ? unproved() : this.#proveRemotely(text, header, this.#remote);
  }

  #secrets(): readonly Key[] {
    return this.#rules.secret === null ? [] : [this.#rules.secret];
  }

  async #proveRemotely(text: string, header: JWTHeaderParameters, remote: RemoteKeySet): Promise<TokenVerdict> {
    const before = remote.fetches;
    await remote.settle();
    const seen = remote.fetches;
    let keys = await remote.candidates(header);
    let verdict = await this.#prove(text, header.alg, keys, true);
    // Fetched for this very token: there is nothing newer.
    if (verdict.kind !== "foreign" || seen !== before) return verdict;
    if (await remote.renew(seen)) {
      keys = await remote.candidates(header);
      verdict = await this.#prove(text, header.alg, keys, true);
    } else if (keys.length === 0 && remote.hasFailed) {
      throw keysUnavailable();
    }
    return verdict;
  }

  async #prove(text: string, alg: string, keys: readonly Key[], isByRemoteKey: boolean): Promise<TokenVerdict> {
    const { audience, issuer } = this.#rules;
    const options = {
      // One that the configuration allows and that goes with the kind of these keys: see #examine.
      algorithms: [alg],
      currentDate: new Date(this.#clock.now()),
      ...(audience.length > 0 && { audience: [...audience] }),
      ...(issuer.length > 0 && { issuer: [...issuer] }),
    };
    const fetches = this.#remote?.fetches;
    let verdict = unproved();
    for (const key of keys) {
      try {
        const { payload } = await jwtVerify(text, key, options);
        const accepted = accept(payload);
        // The set may have changed meanwhile, and the key gone.
        const isKept = accepted.kind === "valid" && (!isByRemoteKey || fetches === this.#remote?.fetches);
        if (isKept) this.#cache.set(text, { token: accepted.token, isByRemoteKey });
        return accepted;
      } catch (error) {
        const fault = this.#fault(error);
        // Signed by this key, and no good; else another one may do.
        if (fault.kind === "refused") return fault;
        verdict = fault;
      }
    }
    return verdict;
  }

  #fault(error: unknown): TokenVerdict {
    if (error instanceof errors.JWSSignatureVerificationFailed) return unproved();
    if (error instanceof errors.JWTExpired) return refused("it has expired");
    if (error instanceof errors.JWTClaimValidationFailed) return refused(claimFault(error));
    if (error instanceof errors.JWTInvalid) return refused("its claims can't be read");
    // A header that asks for what we don't know, a key that is not fit for it, and the like.
    if (!(error instanceof errors.JOSEError)) this.#logger.debug({ reason: String(error) }, "a token can't be checked");
    return foreign("it can't be checked");
  }
}

function accept(payload: JWTPayload): TokenVerdict {
  // JSON knows no Infinity, but 1e999 is read as one.
  if (payload.exp !== undefined && !Number.isFinite(payload.exp)) return refused('its "exp" is not valid');
  const token = Object.freeze({
    subject: typeof payload.sub === "string" ? payload.sub : null,
    grants: readGrants(payload["sluice"]),
    expiresAtMs: payload.exp === undefined ? null : Math.min(payload.exp * 1_000, LAST_MS),
  });
  return { kind: "valid", token };
}

function claimFault(error: errors.JWTClaimValidationFailed): string {
  if (error.claim === "aud") return "it is not meant for this audience";
  if (error.claim === "iss") return "it is of another issuer";
  if (error.claim === "nbf" && error.reason === "check_failed") return "it is not valid yet";
  return `its "${error.claim}" is not valid`;
}

function readHeader(text: string): JWTHeaderParameters | undefined {
  try {
    const header = decodeProtectedHeader(text);
    // jose wants an `alg`, too; without it there is nothing to look for.
    return typeof header.alg === "string" ? (header as JWTHeaderParameters) : undefined;
  } catch {
    return undefined;
  }
}

function refused(detail: string): TokenVerdict {
  return { kind: "refused", detail };
}

function foreign(detail: string): TokenVerdict {
  return { kind: "foreign", detail };
}

function unproved(): TokenVerdict {
  return foreign("its signature is not valid");
}

function keysUnavailable(): SluiceError {
  return new SluiceError("keys-unavailable", "The keys that prove tokens can't be fetched now.", {
    retryAfterSeconds: Math.ceil(JWKS_COOLDOWN_MS / 1_000),
  });
}
