import { errorOf, fetchInit, networkError, retryAfterMs } from "./answer.ts";
import { backoffMs } from "./backoff.ts";
import type { Credentials } from "./credentials.ts";
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
  {
    url,
    credentials,
    cookies,
  }: { readonly url: URL; readonly credentials: Credentials; readonly cookies: CookieMode | undefined },
  drafts: readonly Draft[],
  tools: Tools,
  signal: AbortSignal,
): Promise<readonly Receipt[]> {
  const body = JSON.stringify(drafts.map((draft) => ({ id: newId(), ...draft })));
  for (let attempt = 1; ; attempt += 1) {
    let error: SluiceError;
    let toldMs: number | null = null;
    // One try after the other: that is the point.
    /* oxlint-disable no-await-in-loop */
    const token = await credentials.current();
    try {
      const init = fetchInit({ token, credentials: cookies }, signal, { "content-type": "application/json" });
      const response = await tools.fetch(url, { ...init, method: "POST", body });
      if (response.ok) return ((await response.json()) as { readonly events: readonly Receipt[] }).events;
      error = await errorOf(response);
      toldMs = retryAfterMs(response.headers.get("retry-after"), Date.now());
    } catch (fault) {
      error = networkError(fault);
    }
    if (signal.aborted) throw new SluiceError("The client was closed", 0, null, error);
    if (error.isAboutAccess && (await credentials.renew())) continue;
    const isPassing = error.status === 0 || error.status === 429 || error.status >= 500;
    if (!isPassing || attempt >= TRIES_MAX) throw error;
    await sleep(backoffMs(attempt, toldMs, tools.clock.random()), signal, tools.clock);
  }
}

function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
