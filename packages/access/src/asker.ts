import { hash } from "node:crypto";
import { type Credentials, NO_GRANTS, type Principal } from "@sluice/core";
import type { FoundToken } from "./tokens/token-location.ts";
import type { VerifiedToken } from "./tokens/token-verifier.ts";

/** A principal as further sources of grants see it. */
export interface Asker extends Principal {
  readonly foreign: ForeignCredentials;
}

/** What of a client's credentials is not ours alone: what a source may show to others. */
export class ForeignCredentials {
  readonly authorization: string | undefined;
  readonly cookie: string | undefined;
  /** By which scheme and host the client says to have come; see {@link Credentials}. Not part of the key. */
  readonly site: string | undefined;
  #key: string | undefined;

  constructor({ authorization, cookie, site }: Credentials) {
    this.authorization = authorization;
    this.cookie = cookie;
    this.site = site;
  }

  /** The same for the same `authorization` and `cookie`, empty without any: a hash that shows nothing of them. */
  get key(): string {
    this.#key ??= this.#isEmpty() ? "" : this.#hash();
    return this.#key;
  }

  #isEmpty(): boolean {
    return this.authorization === undefined && this.cookie === undefined;
  }

  #hash(): string {
    const { authorization, cookie } = this;
    // With the lengths, so that no two pairs make one text.
    const lengths = `${authorization?.length ?? "-"} ${cookie?.length ?? "-"}`;
    return hash("sha256", `${lengths} ${authorization ?? ""}${cookie ?? ""}`, "base64url");
  }
}

/** Shown to nobody. */
const NOTHING_FOREIGN: ForeignCredentials = new ForeignCredentials({});

/** Schemes with which a browser answers for its user by itself, on the requests of any page, as it does with cookies. */
const AMBIENT = /^\s*(?:basic|digest|negotiate|ntlm)\b/i;

/** Somebody who brought nothing that can be used. */
export const NOBODY: Asker = Object.freeze({
  subject: null,
  grants: NO_GRANTS,
  expiresAtMs: null,
  hasCredentials: false,
  isByCookie: false,
  credentials: Object.freeze({}),
  foreign: NOTHING_FOREIGN,
});

/** Somebody who brought credentials that nobody here can use. */
export const SOMEBODY: Asker = Object.freeze({ ...NOBODY, hasCredentials: true });

/** The principal with what may be shown to others; nothing may, if it was not made here. */
export function toAsker(principal: Principal): Asker {
  return isAsker(principal) ? principal : { ...principal, foreign: NOTHING_FOREIGN };
}

/** Whether there is nothing to tell who it is by. */
export function isAnonymous({ credentials: { authorization, cookie, accessToken } }: Principal): boolean {
  return authorization === undefined && cookie === undefined && accessToken === undefined;
}

/**
 * Somebody with a token of ours, where there are further sources. A Bearer that is ours is shown to nobody; cookies are.
 *
 * A token of the query stands alone: any page can put one of its own into an address, and have the browser add its
 * user's cookies to it. They would speak for the user without anybody having looked at the `Origin`.
 */
export function askerByToken(token: VerifiedToken, { by }: FoundToken, came: Credentials): Asker {
  const { accessToken, site } = came;
  const authorization = present(came.authorization);
  const cookie = present(came.cookie);
  const credentials = by === "query" ? { accessToken, site } : { authorization, cookie, site };
  const shown = by === "cookie" ? { authorization, cookie, site } : { cookie: credentials.cookie, site };
  const foreign = new ForeignCredentials(shown);
  return { ...token, hasCredentials: true, isByCookie: by === "cookie", credentials, foreign };
}

/** Somebody without a token of ours, where there are further sources; `undefined` with nothing to show. */
export function askerByOthers(came: Credentials): Asker | undefined {
  const authorization = present(came.authorization);
  const cookie = present(came.cookie);
  if (authorization === undefined && cookie === undefined) return undefined;
  const isByCookie = authorization === undefined || AMBIENT.test(authorization);
  const credentials = { authorization, cookie, site: came.site };
  return { ...SOMEBODY, isByCookie, credentials, foreign: new ForeignCredentials(credentials) };
}

/** Somebody with nothing but the site that they came by. */
export function askerBySite(site: string | undefined, hasCredentials: boolean): Asker {
  const credentials = { site };
  return { ...NOBODY, hasCredentials, credentials, foreign: new ForeignCredentials(credentials) };
}

/** The text, if there is any. */
export function present(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

function isAsker(principal: Principal): principal is Asker {
  return "foreign" in principal;
}
