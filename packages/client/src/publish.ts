import { backoffMs } from "./backoff.ts";
import type { Credentials } from "./credentials.ts";
import { errorOf, fetchInit } from "./request.ts";
import { sleep } from "./sleep.ts";
import { SluiceError } from "./sluice-error.ts";
import type { CookieMode, Tools } from "./transport.ts";

/** An event to publish. */
export interface Draft {
  readonly topic: string;
  readonly data?: unknown;
  /** Default `message`. */
  readonly type?: string;
  /** `[A-Za-z0-9_-]{1,128}`. Default: one is made, so that trying again can't publish twice. */
  readonly id?: string;
  readonly time?: string;
  /** Bytes that are not JSON, in base64, in place of `data`. */
  readonly data_base64?: string;
  readonly datacontenttype?: string;
}

/** What became of a draft. */
export interface Receipt {
  readonly id: string;
  readonly cursor: string;
  /** It was there already. */
  readonly duplicate?: boolean;
}

const TRIES_MAX = 8;

/** Publishes all or none, trying again for a while. @throws {SluiceError} */
export async function publish(
  url: URL,
  who: Credentials,
  credentials: CookieMode | undefined,
  drafts: readonly Draft[],
  tools: Tools,
  signal: AbortSignal,
): Promise<readonly Receipt[]> {
  const body = JSON.stringify(drafts.map((draft) => ({ id: newId(), ...draft })));
  // One try after the other: that is the point.
  for (let attempt = 1; ; attempt += 1) {
    let error: SluiceError;
    const token = await who.current();
    try {
      const init = fetchInit({ token, credentials }, signal);
      init.headers.set("content-type", "application/json");
      const response = await tools.fetch(url, { ...init, method: "POST", body });
      if (response.ok) return ((await response.json()) as { readonly events: readonly Receipt[] }).events;
      error = await errorOf(response);
    } catch (cause) {
      error = new SluiceError(String(cause), 0, null, null, cause);
    }
    if (attempt >= TRIES_MAX || signal.aborted) throw error;
    if (error.isAboutAccess && (await who.renew())) continue;
    if (!error.isPassing) throw error;
    await sleep(backoffMs(attempt, error.retryAfterMs, tools.clock.random()), signal, tools.clock);
  }
}

function newId(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}
