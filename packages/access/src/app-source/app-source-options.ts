import { type AccessOptionFault, AccessOptionsError } from "../access-options.ts";
import type { AppClientOptions } from "./app-client.ts";

/** Who may GET it may watch it. */
export interface AppSourceOptions extends AppClientOptions {
  /** How long an answer holds for the same credentials and path. A refusal holds 3 s at most. */
  readonly ttlMs: number;
  /** How often at least the app is asked again for readers that are connected. */
  readonly recheckMs: number;
  /** What becomes of live readers while the app is down. New ones are refused with `app-unavailable`. */
  readonly whenAppIsDown: "keep" | "end";
  /**
   * The path of the app that a topic stands for, percent-encoded; `null`: none. Called for every question; what it
   * answers may change, and then `GatewayAccess.reload` is due.
   */
  readonly pathOf: (topic: string) => string | null;
}

/** What a timer can wait. */
const MAX_MS = 2 ** 31 - 1;

/** @throws {AccessOptionsError} */
export function checkAppSource(options: AppSourceOptions): AppSourceOptions {
  const faults: AccessOptionFault[] = [];
  const url = URL.parse(options.url);
  const isOrigin = url !== null && /^https?:$/.test(url.protocol) && options.url.replace(/\/$/, "") === url.origin;
  if (!isOrigin) faults.push({ option: "app.url", problem: "it is not the http or https origin of an app" });
  const { timeoutMs, ttlMs, recheckMs } = options;
  const times: readonly (readonly [name: string, value: number, min: number, max: number])[] = [
    ["timeoutMs", timeoutMs, 1, MAX_MS],
    ["ttlMs", ttlMs, 0, Number.MAX_SAFE_INTEGER],
    ["recheckMs", recheckMs, 1, MAX_MS],
  ];
  for (const [name, value, min, max] of times) {
    if (value >= min && value <= max) continue;
    faults.push({ option: `app.${name}`, problem: `it is not between ${min} and ${max}` });
  }
  if (faults.length > 0) throw new AccessOptionsError(faults);
  return Object.freeze({ ...options });
}
