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
  type Principal,
  SluiceError,
  systemClock,
} from "@sluice/core";
import { type AccessOptions, type AccessRules, resolveJwt } from "./access-options.ts";
import {
  type Asker,
  askerByOthers,
  askerBySite,
  askerByToken,
  isAnonymous,
  NOBODY,
  present,
  SOMEBODY,
  toAsker,
} from "./asker.ts";
import { type Judgement, type LiveReader, LiveReaders } from "./live-readers.ts";
import { RemoteKeySet } from "./tokens/remote-key-set.ts";
import { Rounds } from "./rounds.ts";
import { Sources } from "./sources.ts";
import { findToken, type FoundToken } from "./tokens/token-location.ts";
import { TokenVerifier } from "./tokens/token-verifier.ts";

/** The rules in force. Replaced whole by a reload, so that nothing ever sees half of them. */
interface Rules {
  readonly public: readonly Filter[];
  readonly tokens: TokenVerifier | null;
  readonly sources: Sources;
}

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** How long after a change of the rules a reader may turn up that the old ones let in. */
const SETTLING_MS = 60_000;

/** The least bytes of a secret that RFC 7518 §3.2 allows for HS256. */
const SECRET_MIN_BYTES = 32;

/** How many askers without credentials are kept, one for each site that clients name. */
const MAX_SITES = 64;

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
  readonly #rounds: Rounds<LiveReader>;
  readonly #bySite = new Map<string, Asker>();
  #rules: Rules;
  #unfollow: () => void = () => {};
  #judgedAtMs = -Infinity;

  /** @throws {AccessOptionsError} */
  constructor(options: AccessOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silent;
    this.#readers = new LiveReaders(this.#clock, this.#logger, (principal, filters) => this.#judge(principal, filters));
    this.#rounds = new Rounds(this.#clock, this.#readers.all, (reader) => this.#look(reader));
    this.#rules = this.#resolve(options, null);
    this.#followSources();
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
      if (!sources.isEmpty) return askerByToken(verdict.token, found, credentials);
      const isByCookie = found.by === "cookie";
      const kept = brought(credentials, found, tokens.cookie);
      return { ...NOBODY, ...verdict.token, hasCredentials: true, isByCookie, credentials: kept };
    }
    // With the app as a source, a Bearer that is none of ours is the app's to judge.
    const isForSources = verdict.kind === "foreign" && found.by === "bearer" && !sources.isEmpty;
    if (isForSources) return this.#withoutToken(credentials);
    throw new SluiceError("unauthorized", `The token is not good: ${verdict.detail}.`);
  }

  async check(principal: Principal, action: Action, filters: readonly Filter[]): Promise<void> {
    if (principal.expiresAtMs !== null && principal.expiresAtMs <= this.#clock.now()) {
      throw new SluiceError("unauthorized", "The token is not good: it has expired.");
    }
    const asker = toAsker(principal);
    const open = filters.filter((filter) => !this.#isPlainlyGranted(asker, action, filter));
    if (open.length === 0) return;
    const refusals = await Promise.all(open.map((filter) => this.#rules.sources.ask(asker, action, filter)));
    for (const refusal of refusals) if (refusal !== undefined) throw refusal;
  }

  guard(principal: Principal, filters: () => readonly Filter[], onEnd: (reason: CloseReason) => void): Guard {
    const reader = this.#readers.add(principal, filters, onEnd);
    // It may have been let in by the rules of before, and be guarded only now.
    if (this.#clock.monotonic() - this.#judgedAtMs < SETTLING_MS) {
      queueMicrotask(() => void this.#readers.judge(reader));
    }
    const { sources } = this.#rules;
    if (!sources.isEmpty && sources.showEveryMs !== null) {
      // A source may have changed its mind since it let the reader in, and before it knew of it.
      queueMicrotask(() => this.#look(reader));
      this.#rounds.wake();
    }
    return reader;
  }

  /**
   * Puts new rules in force, fetches the JWKS again, and ends the live readers that are refused now: `token-expired` or
   * `grant-revoked`. A reader for whom that can't be told (the keys can't be fetched, say) stays, unless a source's rule
   * is another. Resolves when all have been looked at.
   * @throws {AccessOptionsError} and the old rules stay in force
   */
  async reload(rules: AccessRules): Promise<void> {
    const former = this.#rules;
    this.#rules = this.#resolve(rules, former);
    this.#followSources();
    const keys = this.#rules.tokens?.remote ?? null;
    const formerKeys = former.tokens?.remote ?? null;
    if (formerKeys !== keys) formerKeys?.close();
    else await keys?.reload();
    await this.#judgeAll();
  }

  /** Forgets all readers without ending them, and stops what runs. */
  close(): void {
    this.#unfollow();
    this.#rounds.stop();
    this.#readers.close();
    this.#rules.tokens?.remote?.close();
  }

  #resolve(rules: AccessRules, former: Rules | null): Rules {
    return Object.freeze({
      public: [...rules.public],
      tokens: rules.jwt === null ? null : this.#verifier(rules.jwt, former?.tokens?.remote ?? null),
      sources: new Sources(rules.sources ?? []),
    });
  }

  #followSources(): void {
    this.#unfollow();
    const { sources } = this.#rules;
    this.#unfollow = sources.follow((credentials, topic) => this.#taken(credentials, topic));
    this.#rounds.setPeriod(sources.showEveryMs);
  }

  #verifier(options: NonNullable<AccessRules["jwt"]>, former: RemoteKeySet | null): TokenVerifier {
    const rules = resolveJwt(options);
    if (rules.secret !== null && rules.secret.length < SECRET_MIN_BYTES) {
      const text = `access.jwt.secret is shorter than ${SECRET_MIN_BYTES} bytes, so it may be guessed: take a longer one`;
      this.#logger.warn({}, text);
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
  #withoutToken(credentials: Credentials): Asker {
    const { tokens, sources } = this.#rules;
    const hasToken = tokens === null && present(credentials.accessToken) !== undefined;
    const hasAuthorization = present(credentials.authorization) !== undefined;
    if (sources.isEmpty) return hasToken || hasAuthorization ? SOMEBODY : NOBODY;
    return askerByOthers(credentials) ?? this.#withoutCredentials(credentials.site, hasToken);
  }

  /** All readers of a site who bring nothing share one principal. */
  #withoutCredentials(site: string | undefined, hasToken: boolean): Asker {
    if (site === undefined || hasToken) return hasToken ? askerBySite(site, true) : NOBODY;
    let asker = this.#bySite.get(site);
    if (asker === undefined) {
      asker = askerBySite(site, false);
      // Names that clients make up must not fill it for ever.
      if (this.#bySite.size >= MAX_SITES) this.#bySite.clear();
      this.#bySite.set(site, asker);
    }
    return asker;
  }

  #isPlainlyGranted(principal: Principal, action: Action, filter: Filter): boolean {
    if (action === "read" && isGranted(this.#rules.public, filter)) return true;
    return isGranted(principal.grants[action], filter);
  }

  #judgeAll(): Promise<void> {
    this.#judgedAtMs = this.#clock.monotonic();
    return this.#readers.judgeAll();
  }

  #judge(principal: Principal, filters: readonly Filter[]): Judgement | Promise<Judgement> {
    const isPlain =
      isAnonymous(principal) && filters.every((filter) => this.#isPlainlyGranted(principal, "read", filter));
    return isPlain ? { principal } : this.#judgeAnew(principal, filters);
  }

  async #judgeAnew(principal: Principal, filters: readonly Filter[]): Promise<Judgement> {
    try {
      const renewed = await this.identify(principal.credentials);
      await this.#checkLive(toAsker(renewed), filters);
      return { principal: isSamePrincipal(principal, renewed) ? principal : renewed };
    } catch (error) {
      if (!(error instanceof SluiceError)) {
        this.#logger.error({ reason: String(error) }, "a live reader can't be judged");
        return { reason: CLOSE_REASONS.internal };
      }
      if (this.#mayStay(error)) return { principal };
      const isExpired = principal.expiresAtMs !== null && principal.expiresAtMs <= this.#clock.now();
      return { reason: isExpired ? CLOSE_REASONS["token-expired"] : reasonOf(error) };
    }
  }

  /** Like `check`, but sources that watch over the reader needn't ask again. */
  async #checkLive(asker: Asker, filters: readonly Filter[]): Promise<void> {
    const unknown: Filter[] = [];
    for (const filter of filters) {
      if (this.#isPlainlyGranted(asker, "read", filter)) continue;
      const refusal = this.#rules.sources.show(asker, filter);
      if (refusal === null) unknown.push(filter);
      else if (refusal !== undefined) throw refusal;
    }
    await this.check(asker, "read", unknown);
  }

  /** Whether a live reader stays although it can't be told whether it may. */
  #mayStay({ code }: SluiceError): boolean {
    return code === "keys-unavailable" || (code === "app-unavailable" && !this.#rules.sources.endsWhenUnavailable);
  }

  /** Ends a live reader that may not stay, as far as that is known. */
  #look(reader: LiveReader): void {
    if (!this.#readers.all.has(reader)) return;
    const asker = toAsker(reader.principal);
    for (const filter of reader.filters()) {
      if (this.#isPlainlyGranted(asker, "read", filter)) continue;
      const refusal = this.#rules.sources.show(asker, filter);
      if (refusal instanceof SluiceError) return this.#readers.end(reader, reasonOf(refusal));
    }
  }

  /** A source has taken a topic from these credentials. */
  #taken(credentials: string, topic: string): void {
    for (const reader of this.#readers.withForeign(credentials)) {
      if (reader.filters().some(({ text }) => text === topic)) this.#look(reader);
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

function reasonOf({ code }: SluiceError): CloseReason {
  return CLOSE_REASONS[code === "app-unavailable" ? code : "grant-revoked"];
}
