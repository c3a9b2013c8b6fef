import { UsageError } from "../cli/failure.ts";

/** Address of the public listener unless it is given. */
export const DEFAULT_PUBLIC_URL = "http://127.0.0.1:8080";

/** Address of the admin listener unless it is given. */
export const DEFAULT_ADMIN_URL = "http://127.0.0.1:8081";

/** What to do where a command for the admin listener has come to something else. */
export const NAME_ADMIN: string = `give the address of the admin listener with --url (${DEFAULT_ADMIN_URL} unless it is configured otherwise)`;

/** What is said of an answer that is none of an admin listener's. */
export const NO_ADMIN: string = `what answered is not a gateway's admin listener; ${NAME_ADMIN}`;

/** What to do where a command for the public listener has come to something else. */
export const NAME_PUBLIC: string =
  `give the address of the public listener with --url (${DEFAULT_PUBLIC_URL} unless it is configured otherwise), ` +
  "with the prefix if that is not /realtime";

/** Where the public listener puts the gateway's paths unless it is configured otherwise. */
const DEFAULT_PREFIX = "/realtime";
const EVENTS = "/events";

/**
 * Reads the value of `--url`.
 * @throws {UsageError} if it is no http or https address
 */
export function parseAddress(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new UsageError(`--url "${text}" is no address; expected one like http://127.0.0.1:8080`);
  }
  url.hash = "";
  url.search = "";
  return url;
}

/** Where an admin listener takes events. */
export function publishUrl(base: URL): URL {
  return withPath(base, base.pathname);
}

/** Where a public listener gives events out; an address without a path has the default prefix. */
export function readUrl(base: URL): URL {
  return withPath(base, base.pathname === "/" ? DEFAULT_PREFIX : base.pathname);
}

function withPath(base: URL, path: string): URL {
  const url = new URL(base);
  const trimmed = path.replace(/\/+$/, "");
  url.pathname = trimmed.endsWith(EVENTS) ? trimmed : trimmed + EVENTS;
  return url;
}
