import { SluiceError } from "./sluice-error.ts";
import type { CookieMode, Ending } from "./transport.ts";

/** The longest wait that a `Retry-After` is followed for. */
const RETRY_AFTER_MAX_MS = 600_000;
const DETAIL_MAX = 500;

/** The fault that an answer tells: problem+json (RFC 9457), or whatever something between has sent. */
export async function errorOf(response: Response): Promise<SluiceError> {
  const { status } = response;
  const text = await response.text().catch(() => "");
  let code: string | null = null;
  let detail = `The answer has status ${status}`;
  try {
    const problem = JSON.parse(text) as { readonly code?: unknown; readonly detail?: unknown };
    if (typeof problem.code === "string") ({ code } = problem as { code: string });
    if (typeof problem.detail === "string") detail = problem.detail.slice(0, DETAIL_MAX);
  } catch {
    // Not a problem of the gateway's: the status has to do.
  }
  return new SluiceError(detail, status, code);
}

/** What an answer other than the one hoped for means for the connection. */
export async function endingOf(response: Response): Promise<Ending> {
  const toldMs = retryAfterMs(response.headers.get("retry-after"), Date.now());
  return faultEnding(await errorOf(response), toldMs);
}

/** What a fault means for the connection. */
export function faultEnding(error: SluiceError, toldMs: number | null = null): Ending {
  const { status, code } = error;
  if (status === 408 || status === 425 || status === 429 || status >= 500) return { how: "cut", error, toldMs };
  if (code === "transport-off") return { how: "off", error };
  if (error.isAboutAccess || code !== null || status === 404) return { how: "refused", error };
  return { how: "unfit", error };
}

/** Milliseconds that a `Retry-After` asks for (RFC 9110 §10.2.3: seconds, or a date); `null` if it is none. */
export function retryAfterMs(value: string | null, nowMs: number): number | null {
  if (value === null) return null;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return ms >= 0 ? Math.min(ms, RETRY_AFTER_MAX_MS) : null;
}

/** The URL that asks for this, by a transport. */
export function readUrl(
  ask: {
    readonly url: URL;
    readonly topics: readonly string[];
    readonly types: readonly string[];
    readonly start: { readonly after: string } | { readonly last: number };
  },
  transport: string,
): URL {
  const url = new URL(ask.url);
  const query = url.searchParams;
  for (const topic of ask.topics) query.append("topic", topic);
  for (const type of ask.types) query.append("type", type);
  for (const [name, value] of Object.entries(ask.start)) query.set(name, String(value));
  query.set("transport", transport);
  return url;
}

/** The `fetch` options that show who asks. */
export function fetchInit(
  ask: { readonly token: string | null; readonly credentials: CookieMode | undefined },
  signal: AbortSignal,
  headers: Readonly<Record<string, string>>,
): RequestInit {
  const authorization: Record<string, string> = ask.token === null ? {} : { authorization: `Bearer ${ask.token}` };
  const init: RequestInit = { signal, headers: { ...authorization, ...headers }, cache: "no-store" };
  return ask.credentials === undefined ? init : { ...init, credentials: ask.credentials };
}

/** The network's own fault. */
export function networkError(error: unknown): SluiceError {
  return new SluiceError(
    `The connection failed: ${error instanceof Error ? error.message : String(error)}`,
    0,
    null,
    error,
  );
}
