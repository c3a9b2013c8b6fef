import { SluiceError } from "@sluice/core";
import type { FastifyRequest } from "fastify";

/** Which other origins' pages may use the gateway. */
export interface CorsRules {
  /** As browsers send them (`https://app.example.org`), or `*`. */
  readonly origins: readonly string[];
  /** Whether their requests may carry cookies. */
  readonly hasCredentials: boolean;
}

/**
 * A browser sends its cookies with the requests of any page: what a cookie authorises must come from the gateway's own
 * host or an allowed origin. Browsers leave `Origin` out on same-origin GETs (an EventSource's is one) and then say so
 * in `Sec-Fetch-Site`. `*` lets no cookie pass, unless the operator allowed credentials. A client that sends neither of
 * the two nor a cookie (`curl --user`) is no browser, unless `isLoadable`: scripts and frames come without `Origin`.
 * @throws {SluiceError} `forbidden`
 */
export function checkOrigin(request: FastifyRequest, rules: CorsRules, isLoadable: boolean = false): void {
  const { origin, cookie } = request.headers;
  if (origin === undefined) {
    const fetchSite = request.headers["sec-fetch-site"];
    const isNoBrowser = fetchSite === undefined && cookie === undefined && !isLoadable;
    if (fetchSite === "same-origin" || isNoBrowser) return;
  } else if (isOwnOrigin(origin, request.host) || isAllowedOrigin(origin, rules, rules.hasCredentials)) return;
  throw new SluiceError(
    "forbidden",
    "Pages of this origin may not do that by a cookie or without a token: the operator names those that may in public.cors.origins.",
  );
}

/** Whether the rules name the origin. */
export function isAllowedOrigin(origin: string, rules: CorsRules, hasWildcard: boolean): boolean {
  return rules.origins.some((allowed) =>
    allowed === "*" ? hasWildcard : allowed.toLowerCase() === origin.toLowerCase(),
  );
}

function isOwnOrigin(origin: string, host: string): boolean {
  const match = /^https?:\/\/([^/]+)$/i.exec(origin);
  return match !== null && match[1]?.toLowerCase() === host.toLowerCase();
}
