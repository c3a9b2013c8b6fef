import { createHmac, createSecretKey, hash, randomBytes, type KeyObject } from "node:crypto";
import { isOwnEventId } from "@sluice/core";
import type { HookSecret } from "../hooks/hook.ts";
import type { Signing } from "./sender-messages.ts";

const PREFIX = "whsec_";
const SECRET = /^whsec_[A-Za-z0-9+/]+={0,2}$/;
const NEW_BYTES = 32;

/** A new secret. */
export function newSecret(): string {
  return PREFIX + randomBytes(NEW_BYTES).toString("base64");
}

/** Whether a text is `whsec_` and base64 of 24–64 bytes. */
export function isSecret(text: string): boolean {
  if (!SECRET.test(text)) return false;
  const bytes = keyBytes(text);
  return bytes.length >= 24 && bytes.length <= 64 && bytes.toString("base64") === text.slice(PREFIX.length);
}

/** The key that a secret's text stands for. */
export function keyBytes(text: string): Buffer {
  return Buffer.from(text.slice(PREFIX.length), "base64");
}

/** Signs the deliveries of one hook with every secret of it that has not expired. */
export class Signer {
  readonly #keys: readonly { readonly key: KeyObject; readonly expiresAtMs: number | null }[];

  constructor(secrets: readonly HookSecret[]) {
    this.#keys = secrets.map(({ text, expiresAtMs }) => ({ key: createSecretKey(keyBytes(text)), expiresAtMs }));
  }

  /** The headers that say whose a body is and since when: names and values by turns. */
  headers({ id, atMs, hasHookSignature }: Signing, body: Uint8Array): readonly string[] {
    const timestamp = Math.floor(atMs / 1000);
    const signature = this.standard(id, timestamp, body, atMs);
    const headers = ["webhook-id", id, "webhook-timestamp", String(timestamp), "webhook-signature", signature];
    if (hasHookSignature) headers.push("x-hook-signature", this.hook(body));
    return headers;
  }

  /** `webhook-signature` of Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`, one per secret. */
  standard(id: string, timestamp: number, body: Uint8Array, nowMs: number): string {
    let signatures = "";
    for (const { key, expiresAtMs } of this.#keys) {
      if (expiresAtMs !== null && expiresAtMs <= nowMs) continue;
      const digest = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
      signatures += signatures === "" ? `v1,${digest}` : ` v1,${digest}`;
    }
    return signatures;
  }

  /** `X-Hook-Signature` of REST Hooks: hex HMAC-SHA256 of the body, by the newest secret. */
  hook(body: Uint8Array): string {
    const newest = this.#keys[0];
    return newest === undefined ? "" : createHmac("sha256", newest.key).update(body).digest("hex");
  }
}

/**
 * `webhook-id`: the same over retries, and unique over topics. An id that the gateway made for
 * that topic is unique by itself; one that a publisher gave may stand in several, so that it gets a short hash of its
 * topic.
 */
export function webhookId(id: string, topic: string): string {
  return isOwnEventId(id, topic) ? id : `${id}_${hash("sha256", topic, "base64url").slice(0, 8)}`;
}
