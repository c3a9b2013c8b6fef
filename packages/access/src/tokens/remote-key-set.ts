import type { Clock, Logger } from "@sluice/core";
import { createLocalJWKSet, type CryptoKey, errors, type JSONWebKeySet, type JWTHeaderParameters } from "jose";

/** How long the set is used without asking again: a key taken out of it stops working after that at the latest. */
const JWKS_MAX_AGE_MS = 600_000;
/** How long the set is used while it can't be fetched again. */
const JWKS_STALE_MS = 86_400_000;
/** The least time between two fetches for tokens that no known key proves, and after a fetch that failed. */
export const JWKS_COOLDOWN_MS = 3_000;
const TIMEOUT_MS = 5_000;
const MAX_BYTES = 262_144;
/** The most keys that are tried for one token without `kid`. */
const MAX_CANDIDATES = 16;

interface KeySet {
  readonly select: ReturnType<typeof createLocalJWKSet>;
  /** Each key as JSON: shows whether one has gone. */
  readonly entries: ReadonlySet<string>;
}

/** What a {@link RemoteKeySet} is made with. */
export interface RemoteKeySetOptions {
  readonly url: URL;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A key has gone from the set: what it proved is no longer proved. */
  readonly onRetired: () => void;
}

/**
 * A JSON Web Key Set (RFC 7517 §5) behind a URL, fetched when first needed and again when half its age is over (without
 * anybody waiting), when it is over, and for a token that no known key proves. At most one fetch runs at a time; it
 * follows no redirect and is bounded in time and size. A set that can't be fetched again stays in use for a day.
 */
export class RemoteKeySet {
  readonly url: URL;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #onRetired: () => void;
  #keys: KeySet | undefined;
  #fetchedAtMs = -Infinity;
  #coolUntilMs = -Infinity;
  #fetches = 0;
  #hasFailed = false;
  #pending: Promise<void> | undefined;
  #download: AbortController | undefined;
  #isClosed = false;

  constructor(options: RemoteKeySetOptions) {
    this.url = options.url;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#onRetired = options.onRetired;
  }

  /** How many fetches have succeeded. */
  get fetches(): number {
    return this.#fetches;
  }

  /** Whether the last fetch failed: then a key that is not in the set may exist all the same. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Whether the keys at hand, and what they proved, may still be believed. */
  get isUsable(): boolean {
    return this.#clock.monotonic() - this.#fetchedAtMs <= JWKS_STALE_MS;
  }

  /** Fetches the set if it is due; answers what must be waited for before its keys are used, if anything. */
  settle(): Promise<void> | undefined {
    const ageMs = this.#clock.monotonic() - this.#fetchedAtMs;
    if (ageMs < JWKS_MAX_AGE_MS / 2) return undefined;
    const isTooOld = this.#keys === undefined || (ageMs >= JWKS_MAX_AGE_MS && !this.#hasFailed);
    const fetching = this.#pending ?? (this.#isCooling() ? undefined : this.#start());
    return isTooOld ? fetching : undefined;
  }

  /**
   * Looks for newer keys, for a token that those known after `seenFetches` don't prove; answers whether there may be
   * some. Asks at most once in {@link JWKS_COOLDOWN_MS}.
   */
  async renew(seenFetches: number): Promise<boolean> {
    if (this.#fetches === seenFetches) {
      if (this.#pending === undefined && !this.#isCooling()) {
        this.#cool();
        void this.#start();
      }
      await this.#pending;
    }
    return this.#fetches !== seenFetches;
  }

  /** Fetches the set now, for the operator; whether that worked. */
  async reload(): Promise<boolean> {
    await this.#pending;
    await this.#start();
    return !this.#hasFailed;
  }

  /** The keys that may have signed a token with this header. */
  async candidates(header: JWTHeaderParameters): Promise<readonly CryptoKey[]> {
    if (this.#keys === undefined || !this.isUsable) return [];
    try {
      return [await this.#keys.select(header)];
    } catch (error) {
      if (error instanceof errors.JWKSMultipleMatchingKeys) return firstKeys(error);
      if (error instanceof errors.JWKSNoMatchingKey) return [];
      // A key of the set that can't be read: the others may still be good.
      this.#logger.warn({ jwks: this.#where(), reason: String(error) }, "a key of the JWKS can't be used");
      return [];
    }
  }

  /** Ends a fetch that is under way. */
  close(): void {
    this.#isClosed = true;
    this.#download?.abort();
  }

  #isCooling(): boolean {
    return this.#clock.monotonic() < this.#coolUntilMs;
  }

  #cool(): void {
    this.#coolUntilMs = this.#clock.monotonic() + JWKS_COOLDOWN_MS;
  }

  #start(): Promise<void> {
    this.#pending = this.#fetch().finally(() => (this.#pending = undefined));
    return this.#pending;
  }

  async #fetch(): Promise<void> {
    try {
      this.#adopt(await this.#get());
      this.#hasFailed = false;
    } catch (error) {
      this.#hasFailed = true;
      this.#cool();
      if (this.#isClosed) return;
      this.#logger.warn({ jwks: this.#where(), reason: reasonOf(error) }, "the JWKS can't be fetched");
    }
  }

  async #get(): Promise<JSONWebKeySet> {
    const download = new AbortController();
    this.#download = download;
    const cancel = this.#clock.after(TIMEOUT_MS, () => download.abort(new Error(`no answer in ${TIMEOUT_MS} ms`)));
    try {
      const response = await fetch(this.url, {
        redirect: "error",
        headers: { accept: "application/jwk-set+json, application/json" },
        signal: download.signal,
      });
      if (response.status !== 200) throw new Error(`status ${response.status}`);
      return JSON.parse(await readText(response)) as JSONWebKeySet;
    } finally {
      cancel();
      // Of an answer that is no good, or too long, nothing more need come.
      download.abort();
    }
  }

  #adopt(set: JSONWebKeySet): void {
    // It checks the set's shape, too.
    const select = createLocalJWKSet(set);
    const entries = new Set(set.keys.map((key) => JSON.stringify(key)));
    const former = [...(this.#keys?.entries ?? [])];
    this.#keys = { select, entries };
    this.#fetchedAtMs = this.#clock.monotonic();
    this.#fetches += 1;
    if (!former.every((entry) => entries.has(entry))) this.#onRetired();
  }

  /** The URL without its query, which may hold a secret. */
  #where(): string {
    return this.url.origin + this.url.pathname;
  }
}

/** `fetch` says "fetch failed" only; the reason is beneath. */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? reasonOf(error.cause) : String(error);
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

async function firstKeys(keys: AsyncIterable<CryptoKey>): Promise<readonly CryptoKey[]> {
  const first: CryptoKey[] = [];
  for await (const key of keys) {
    first.push(key);
    if (first.length === MAX_CANDIDATES) break;
  }
  return first;
}
