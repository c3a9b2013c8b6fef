import { UsageError } from "../cli/failure.ts";

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
