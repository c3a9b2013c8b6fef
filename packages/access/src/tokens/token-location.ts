import type { Credentials } from "@sluice/core";

/** A token and what brought it. */
export interface FoundToken {
  readonly by: "bearer" | "cookie" | "query";
  /** As it came: it may be empty, or no token at all. */
  readonly text: string;
}

const BEARER = /^Bearer(?: +(.*))?$/i;

/**
 * The token that a request brings: of the `Authorization` header, else of the cookie, else of the query. The first one
 * there is decides; a bad one doesn't make way for the next. Another scheme than `Bearer` is not ours and is passed over,
 * and so is an empty cookie, which is how many apps log out.
 */
export function findToken(credentials: Credentials, cookieName: string | null): FoundToken | undefined {
  const bearer = BEARER.exec(credentials.authorization?.trim() ?? "");
  if (bearer !== null) return { by: "bearer", text: bearer[1] ?? "" };
  if (cookieName !== null && credentials.cookie !== undefined) {
    const value = cookieValue(credentials.cookie, cookieName);
    if (value !== undefined && value !== "") return { by: "cookie", text: value };
  }
  if (credentials.accessToken !== undefined) return { by: "query", text: credentials.accessToken };
  return undefined;
}

/**
 * The value of the first cookie of that name in a `Cookie` header (RFC 6265 §4.2), without the quotes that it may stand
 * in. Nothing is percent-decoded: a token holds nothing that a cookie can't.
 */
export function cookieValue(header: string, name: string): string | undefined {
  for (const pair of header.split(";")) {
    const equals = pair.indexOf("=");
    if (equals === -1 || pair.slice(0, equals).trim() !== name) continue;
    const value = pair.slice(equals + 1).trim();
    const isQuoted = value.length >= 2 && value.startsWith('"') && value.endsWith('"');
    return isQuoted ? value.slice(1, -1) : value;
  }
  return undefined;
}
