import {
  type Access,
  type Action,
  type Clock,
  CLOSE_REASONS,
  type CloseReason,
  type Credentials,
  type Filter,
  type Guard,
  isGranted,
  type Logger,
  NO_GRANTS,
  type Principal,
  SluiceError,
  systemClock,
} from "@sluice/core";
import { type AccessOptions, type AccessRules, resolveJwt } from "./access-options.ts";
import type { GrantSource } from "./grant-source.ts";
import { type Judgement, LiveReaders } from "./live-readers.ts";
import { RemoteKeySet } from "./remote-key-set.ts";
import { findToken, type FoundToken } from "./token-location.ts";
import { TokenVerifier } from "./token-verifier.ts";

/** The rules in force. Replaced whole by a reload, so that nothing ever sees half of them. */
interface Rules {
  readonly public: readonly Filter[];
  readonly tokens: TokenVerifier | null;
  readonly sources: readonly GrantSource[];
}

const NOTHING: Credentials = Object.freeze({});

// Most readers of public topics are one of these two: they cost no memory of their own.
const NOBODY: Principal = Object.freeze({
  subject: null,
  grants: NO_GRANTS,
  expiresAtMs: null,
  hasCredentials: false,
  isByCookie: false,
  credentials: NOTHING,
});
const SOMEBODY: Principal = Object.freeze({ ...NOBODY, hasCredentials: true });

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** How long after a change of the rules a reader may turn up that the old ones let in. */
const SETTLING_MS = 60_000;

/** The least bytes of a secret that RFC 7518 §3.2 allows for HS256. */
const SECRET_MIN_BYTES = 32;

/**
 * Public filters, tokens and further sources behind core's {@link Access}. Made by {@link createAccess}.
 *
 * What it answers depends on the credentials and the rules only, never on what is in the log: a refusal shows nothing of
 * which topics there are.
 */
export class GatewayAccess implements Access {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #readers: LiveReaders;
  #rules: Rules;
  #judgedAtMs = -Infinity;

  /** @throws {AccessOptionsError} */
  constructor(options: AccessOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silent;
    this.#readers = new LiveReaders(this.#clock, this.#logger, (principal, filters) => this.#judge(principal, filters));
    this.#rules = this.#resolve(options, null);
  }

  /** How many live readers are watched over. */
  get readers(): number {
    return this.#readers.size;
  }

  async identify(credentials: Credentials): Promise<Principal> {
    const { tokens, sources } = this.#rules;
    const found = tokens === null ? undefined : findToken(credentials, tokens.cookie);
    if (tokens === null || found === undefined) return this.#withoutToken(credentials);
    const verdict = await tokens.verify(found.text);
    if (verdict.kind === "valid") {
      return {
        ...verdict.token,
        hasCredentials: true,
        isByCookie: found.by === "cookie",
        credentials: sources.length > 0 ? credentials : brought(credentials, found, tokens.cookie),
      };
    }
    // With the app as a source, a Bearer that is none of ours is the app's to judge.
    const isForSources = verdict.kind === "foreign" && found.by === "bearer" && sources.length > 0;
    if (isForSources) return this.#withoutToken(credentials);
    throw new SluiceError("unauthorized", `The token is not good: ${verdict.detail}.`);
  }

  async check(principal: Principal, action: Action, filters: readonly Filter[]): Promise<void> {
    if (principal.expiresAtMs !== null && principal.expiresAtMs <= this.#clock.now()) {
      throw new SluiceError("unauthorized", "The token is not good: it has expired.");
    }
    const open = filters.filter((filter) => !this.#isPlainlyGranted(principal, action, filter));
    const refusals = await Promise.all(open.map((filter) => this.#askSources(principal, action, filter)));
    for (const refusal of refusals) if (refusal !== undefined) throw refusal;
  }

  guard(principal: Principal, filters: () => readonly Filter[], onEnd: (reason: CloseReason) => void): Guard {
    const reader = this.#readers.add(principal, filters, onEnd);
    // It may have been let in by the rules of before, and be guarded only now.
    if (this.#clock.monotonic() - this.#judgedAtMs < SETTLING_MS) {
      queueMicrotask(() => void this.#readers.judge(reader));
    }
    return reader;
  }

  /**
   * Puts new rules in force, fetches the JWKS again, and ends the live readers that are refused now: `token-expired` or
   * `grant-revoked`. A reader for whom that can't be told (the keys can't be fetched, say) stays. Resolves when all have
   * been looked at.
   * @throws {AccessOptionsError} and the old rules stay in force
   */
  async reload(rules: AccessRules): Promise<void> {
    const former = this.#rules;
    this.#rules = this.#resolve(rules, former);
    const keys = this.#rules.tokens?.remote ?? null;
    const formerKeys = former.tokens?.remote ?? null;
    if (formerKeys !== keys) formerKeys?.close();
    else await keys?.reload();
    await this.#judgeAll();
  }

  /** Forgets all readers without ending them, and stops what runs. */
  close(): void {
    this.#readers.close();
    this.#rules.tokens?.remote?.close();
  }

  #resolve(rules: AccessRules, former: Rules | null): Rules {
    return Object.freeze({
      public: [...rules.public],
      tokens: rules.jwt === null ? null : this.#verifier(rules.jwt, former?.tokens?.remote ?? null),
      sources: [...(rules.sources ?? [])],
    });
  }

  #verifier(options: NonNullable<AccessRules["jwt"]>, former: RemoteKeySet | null): TokenVerifier {
    const rules = resolveJwt(options);
    if (rules.secret !== null && rules.secret.length < SECRET_MIN_BYTES) {
      this.#logger.warn({ option: "jwt.secret" }, `the JWT secret is shorter than ${SECRET_MIN_BYTES} bytes`);
    }
    return new TokenVerifier(rules, this.#remoteKeys(rules.jwks, former), this.#clock, this.#logger);
  }

  #remoteKeys(url: URL | null, former: RemoteKeySet | null): RemoteKeySet | null {
    if (url === null) return null;
    // The keys at hand stay usable while a reload can't fetch them again.
    if (url.href === former?.url.href) return former;
    const onRetired = (): void => {
      this.#rules.tokens?.forget();
      void this.#judgeAll();
    };
    return new RemoteKeySet({ url, clock: this.#clock, logger: this.#logger, onRetired });
  }

  /** Without a token that is ours. What no source could use is not kept. */
  #withoutToken(credentials: Credentials): Principal {
    const { tokens, sources } = this.#rules;
    const isAsked = sources.length > 0;
    const hasCookie = isAsked && isPresent(credentials.cookie);
    const hasToken = tokens === null && isPresent(credentials.accessToken);
    const hasCredentials = isPresent(credentials.authorization) || hasToken || hasCookie;
    if (!hasCredentials) return NOBODY;
    if (!isAsked) return SOMEBODY;
    return { ...SOMEBODY, isByCookie: hasCookie && !isPresent(credentials.authorization), credentials };
  }

  #isPlainlyGranted(principal: Principal, action: Action, filter: Filter): boolean {
    if (action === "read" && isGranted(this.#rules.public, filter)) return true;
    return isGranted(principal.grants[action], filter);
  }

  async #askSources(principal: Principal, action: Action, filter: Filter): Promise<SluiceError | undefined> {
    let refusal: SluiceError | undefined;
    for (const source of this.#rules.sources) {
      const verdict = await source.ask(principal, action, filter);
      if (verdict === "granted") return undefined;
      if (verdict !== "silent") refusal ??= verdict;
    }
    return refusal ?? refused(principal, filter);
  }

  #judgeAll(): Promise<void> {
    this.#judgedAtMs = this.#clock.monotonic();
    return this.#readers.judgeAll();
  }

  #judge(principal: Principal, filters: readonly Filter[]): Judgement | Promise<Judgement> {
    const isNobody = principal === NOBODY || principal === SOMEBODY;
    if (isNobody && filters.every((filter) => this.#isPlainlyGranted(principal, "read", filter))) return { principal };
    return this.#judgeAnew(principal, filters);
  }

  async #judgeAnew(principal: Principal, filters: readonly Filter[]): Promise<Judgement> {
    try {
      const renewed = await this.identify(principal.credentials);
      await this.check(renewed, "read", filters);
      return { principal: isSamePrincipal(principal, renewed) ? principal : renewed };
    } catch (error) {
      if (!(error instanceof SluiceError)) {
        this.#logger.error({ reason: String(error) }, "a live reader can't be judged");
        return { reason: CLOSE_REASONS.internal };
      }
      if (error.code === "app-unavailable" || error.code === "keys-unavailable") return { principal };
      const isExpired = principal.expiresAtMs !== null && principal.expiresAtMs <= this.#clock.now();
      return { reason: CLOSE_REASONS[isExpired ? "token-expired" : "grant-revoked"] };
    }
  }
}

/**
 * The gateway's access: public filters, tokens, and whatever further sources there are.
 * @throws {AccessOptionsError} naming every fault of the options
 */
export function createAccess(options: AccessOptions): GatewayAccess {
  return new GatewayAccess(options);
}

function isPresent(text: string | undefined): boolean {
  return text !== undefined && text !== "";
}

/** Only what brought the token: a reader's whole `Cookie` header, kept as long as it reads, would add up. */
function brought(credentials: Credentials, found: FoundToken, cookie: string | null): Credentials {
  if (found.by === "bearer") return { authorization: credentials.authorization };
  if (found.by === "query") return { accessToken: credentials.accessToken };
  // A part of a string keeps the whole alive; copied, it doesn't.
  return { cookie: Buffer.from(`${cookie ?? ""}=${found.text}`, "latin1").toString("latin1") };
}

function isSamePrincipal(one: Principal, other: Principal): boolean {
  return one.subject === other.subject && one.grants === other.grants && one.expiresAtMs === other.expiresAtMs;
}

function refused(principal: Principal, filter: Filter): SluiceError {
  if (!principal.hasCredentials) return new SluiceError("unauthorized", "Credentials are needed for that.");
  const hint = filter.isPattern ? " A pattern is granted only if one grant covers all that it can match." : "";
  return new SluiceError("forbidden", `These credentials do not grant that.${hint}`);
}
