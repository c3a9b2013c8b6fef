import { SluiceError } from "./sluice-error.ts";
import type { CookieMode, Identity } from "./transport.ts";

/** The longest wait that a `Retry-After` is followed for. */
const RETRY_AFTER_MAX_MS = 600_000;

/** The `fetch` options that show who asks. */
export function fetchInit({ token, credentials }: Identity, signal: AbortSignal): RequestInit & { headers: Headers } {
  const headers = new Headers();
  if (token !== null) headers.set("authorization", `Bearer ${token}`);
  return { signal, headers, cache: "no-store", credentials: credentials as CookieMode };
}

/** The fault that an answer tells: problem+json (RFC 9457), or whatever something between has sent. */
export async function errorOf(response: Response): Promise<SluiceError> {
  const { status } = response;
  const problem = (await response.json().catch(() => null)) as {
    readonly code?: string;
    readonly detail?: string;
  } | null;
  const toldMs = retryAfterMs(response.headers.get("retry-after") ?? "", Date.now());
  return new SluiceError(problem?.detail ?? `Status ${status}`, status, problem?.code ?? null, toldMs);
}

/** Milliseconds that a `Retry-After` asks for (RFC 9110 §10.2.3: seconds, or a date); `null` if it is none. */
export function retryAfterMs(value: string, nowMs: number): number | null {
  const ms = Number(value) * 1000 || Date.parse(value) - nowMs;
  return ms > 0 ? Math.min(ms, RETRY_AFTER_MAX_MS) : null;
}
