import { parseFilter, SluiceError } from "@sluice/core";
import { isHost, isLoopback, parseCidr, parseListen } from "./address.ts";
import { parseDuration, parseSize } from "./quantity.ts";
import { resourcePathFault, templateFault, whyOf } from "./resource-path.ts";

/** The value that a text or number stands for, or what is wrong with it (may be empty). */
export type Parsed = { readonly value: unknown } | { readonly problem: string };

/** A text or number with a grammar of its own: one entry of the schema's `$defs`. */
export interface Kind {
  /** `a size`: completes "… is not". */
  readonly noun: string;
  /** `e.g. "256KiB" or bytes`: completes "expected …". */
  readonly expected: string;
  readonly parse: (value: string | number) => Parsed;
}

/** The grammars by their name in the schema's `$defs`. */
export const kinds: Readonly<Record<string, Kind>> = {
  duration: {
    noun: "a duration",
    expected: 'e.g. "250ms", "10s", "24h" or seconds',
    parse: (value) => found(parseDuration(value)),
  },
  size: { noun: "a size", expected: 'e.g. "256KiB" or bytes', parse: (value) => found(parseSize(value)) },
  listen: text("an address to listen on", '"host:port", e.g. "127.0.0.1:8080" or "[::1]:8080"', parseListen),
  prefix: text("a path prefix", 'a path that begins with "/" and does not end with it, e.g. "/realtime"', parsePrefix),
  origin: text("an origin", 'scheme, host and port without a path, e.g. "https://example.org", or "*"', parseOrigin),
  cidr: text("an address range", 'e.g. "10.0.0.0/8" or "192.168.1.7"', parseCidr),
  uri: text("a URI", 'an absolute URI, e.g. "https://example.org/shop"', parseUri),
  app_url: text("an app's URL", 'scheme, host and port without a path, e.g. "http://127.0.0.1:3000"', parseAppUrl),
  jwks_url: text("a JWKS URL", "an https URL, or http on loopback", parseJwksUrl),
  xmpp_url: text("an XMPP server's address", 'e.g. "xmpp://127.0.0.1:5347"', parseXmppUrl),
  filter: explained("a topic filter", 'e.g. "orders/42", "orders/*" or "**"', filterFault),
  resource_path: explained("a resource path", 'e.g. "/orders/:id"', resourcePathFault),
  topic_template: explained("a topic template", 'e.g. "orders/:id"', templateFault),
  bearer_key: text("a key", "printable ASCII without spaces", (value) => (/^[!-~]+$/.test(value) ? value : undefined)),
  cookie_name: text("a cookie name", 'e.g. "sluice_token"', (value) =>
    /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(value) ? value : undefined,
  ),
  domain: text("a domain", 'e.g. "example.org"', (value) => (isHost(value) ? value.toLowerCase() : undefined)),
  jid: text("a bare JID or a domain", 'e.g. "kitchen@example.org" or "example.org"', parseBareJid),
  account_name: text("an account name", "lower-case letters, digits and . _ -", (value) =>
    /^[a-z0-9._-]{1,255}$/.test(value) ? value : undefined,
  ),
};

function found(value: unknown): Parsed {
  return value === undefined ? { problem: "" } : { value };
}

function text(noun: string, expected: string, parse: (value: string) => unknown): Kind {
  return { noun, expected, parse: (value) => found(typeof value === "string" ? parse(value) : undefined) };
}

function explained(noun: string, expected: string, faultOf: (value: string) => string | undefined): Kind {
  const parse = (value: string | number): Parsed => {
    if (typeof value !== "string") return { problem: "" };
    const problem = faultOf(value);
    return problem === undefined ? { value } : { problem };
  };
  return { noun, expected, parse };
}

function filterFault(value: string): string | undefined {
  try {
    parseFilter(value);
    return undefined;
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return whyOf(error);
  }
}

function parsePrefix(value: string): string | undefined {
  if (!/^(\/[A-Za-z0-9._~-]+)+$/.test(value)) return undefined;
  // URL parsers take these segments away, so that such a prefix would never be asked for.
  return value.split("/").some((segment) => segment === "." || segment === "..") ? undefined : value;
}

function httpUrl(value: string): URL | undefined {
  if (!/^https?:\/\/[!-~]+$/i.test(value)) return undefined;
  return URL.parse(value) ?? undefined;
}

function parseOrigin(value: string): string | undefined {
  if (value === "*") return value;
  const url = httpUrl(value);
  // A browser compares what it sends letter by letter; upper case and a default port are put right, a path is not.
  const isBare = url !== undefined && !/[/?#@*]/.test(value.slice(value.indexOf("//") + 2));
  return isBare ? url.origin : undefined;
}

function parseAppUrl(value: string): string | undefined {
  return value === "*" ? undefined : parseOrigin(value.replace(/\/$/, ""));
}

function parseUri(value: string): string | undefined {
  return /^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$/.test(value) && URL.canParse(value) ? value : undefined;
}

function parseJwksUrl(value: string): string | undefined {
  const url = httpUrl(value);
  if (url === undefined || url.username !== "" || url.password !== "") return undefined;
  return url.protocol === "https:" || isLoopback(url.hostname) ? value : undefined;
}

function parseBareJid(value: string): string | undefined {
  const match = /^(?:([^\s"&'/:<>@]{1,255})@)?([^@]+)$/.exec(value.toLowerCase());
  return match?.[2] !== undefined && isHost(match[2]) ? match[0] : undefined;
}

function parseXmppUrl(value: string): string | undefined {
  const match = /^xmpp:\/\/([^:].*:[0-9]{1,5})$/.exec(value);
  const listen = match?.[1] === undefined ? undefined : parseListen(match[1]);
  return listen === undefined || listen.port === 0 ? undefined : value;
}
