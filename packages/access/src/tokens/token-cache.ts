import { hash } from "node:crypto";
import type { VerifiedToken } from "./token-verifier.ts";

/** A token that was checked. */
export interface CachedToken {
  readonly token: VerifiedToken;
  /** Whether a key of the remote set proved it: then it is good only while that set is fresh. */
  readonly isByRemoteKey: boolean;
}

const MAX_TOKENS = 10_000;
/** Longer tokens are checked each time: the cache stays below some 40 MiB, whatever tokens come. */
const MAX_LENGTH = 4_096;

/**
 * Tokens that were checked, the most recently used ones. Keyed by their SHA-256, so that a heap dump holds no token.
 * Whether one has expired is for the caller to see.
 */
export class TokenCache {
  readonly #tokens = new Map<string, CachedToken>();

  get(text: string): CachedToken | undefined {
    const key = keyOf(text);
    if (key === undefined) return undefined;
    const found = this.#tokens.get(key);
    if (found === undefined) return undefined;
    this.#tokens.delete(key);
    this.#tokens.set(key, found);
    return found;
  }

  set(text: string, token: CachedToken): void {
    const key = keyOf(text);
    if (key === undefined) return;
    this.#tokens.set(key, token);
    if (this.#tokens.size <= MAX_TOKENS) return;
    const { value: oldest } = this.#tokens.keys().next();
    if (oldest !== undefined) this.#tokens.delete(oldest);
  }

  delete(text: string): void {
    const key = keyOf(text);
    if (key !== undefined) this.#tokens.delete(key);
  }

  clear(): void {
    this.#tokens.clear();
  }

  get size(): number {
    return this.#tokens.size;
  }
}

function keyOf(text: string): string | undefined {
  return text.length > MAX_LENGTH ? undefined : hash("sha256", text, "base64");
}
