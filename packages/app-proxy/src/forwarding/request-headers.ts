import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { headerOf } from "@sluice/http";
import { isHopByHop, valuesOf, type HeaderList } from "./header-list.ts";
import { plainAddress, type Peers } from "./peers.ts";
import type { Target } from "./target.ts";

/** What the headers for the app depend on beside the request. */
export interface ForwardingRules {
  /** `Host` that the app sees; `null`: the client's. */
  readonly host: string | null;
  /** `Host` for a client that sent none (HTTP/1.0). */
  readonly defaultHost: string;
  readonly peers: Peers;
  /** Our name in `Via`. */
  readonly pseudonym: string;
}

/** Written by {@link requestHeaders} itself, from what is known of the request. */
const OWN: ReadonlySet<string> = new Set(["host", "content-length", "expect", "via", "forwarded", "proxy"]);
const FORWARDED_PREFIX = "x-forwarded-";
/** In the gateway's own name: `Sluice-Access` tells the app that it is asked for a grant, and no client may say that. */
const OWN_PREFIX = "sluice-";
/** Methods that Node and many apps take to have no body unless they are told so. */
const BODILESS: ReadonlySet<string> = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT"]);

/**
 * The header of a request for the app: end-to-end fields as they came, `Host` by the rules, and what the gateway knows of
 * the client in `Forwarded` (RFC 7239) and `X-Forwarded-For`, `-Proto` and `-Host`. What a client that is no trusted
 * proxy says of itself in those is dropped, also where it is spelled with `_` (CGI, WSGI and Rack can't tell the two
 * apart), and so are `Proxy` (httpoxy) and what begins with `Sluice-`.
 */
export function requestHeaders(request: IncomingMessage, target: Target, rules: ForwardingRules): HeaderList {
  const { rawHeaders } = request;
  const isHop = isHopByHop(request);
  const address = plainAddress(request.socket.remoteAddress);
  const isTrusted = rules.peers.isTrusted(address);
  const host = target.authority ?? request.headers.host ?? rules.defaultHost;
  const list: HeaderList = ["Host", rules.host ?? host];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const rawName = rawHeaders[index] as string;
    const name = rawName.toLowerCase();
    if (isHop(name) || OWN.has(name) || name.startsWith(FORWARDED_PREFIX) || name.startsWith(OWN_PREFIX)) continue;
    if (name.includes("_") && isDisguised(name)) continue;
    list.push(rawName, rawHeaders[index + 1] as string);
  }
  const told = isTrusted ? rawHeaders : [];
  pushForwarded(list, told, { address, host, proto: isEncrypted(request) ? "https" : "http" });
  list.push("Via", [...valuesOf(rawHeaders, "via"), `${request.httpVersion} ${rules.pseudonym}`].join(", "));
  pushFraming(list, request);
  return list;
}

/** The client, as this hop sees it. */
interface Hop {
  readonly address: string;
  readonly host: string;
  readonly proto: string;
}

function pushForwarded(list: HeaderList, told: readonly string[], hop: Hop): void {
  const node = hop.address.includes(":") ? `"[${hop.address}]"` : hop.address;
  const element = `for=${node};host=${quoted(hop.host)};proto=${hop.proto}`;
  list.push("X-Forwarded-For", [...valuesOf(told, "x-forwarded-for"), hop.address].join(", "));
  list.push("X-Forwarded-Proto", valuesOf(told, "x-forwarded-proto")[0] ?? hop.proto);
  list.push("X-Forwarded-Host", valuesOf(told, "x-forwarded-host")[0] ?? hop.host);
  list.push("Forwarded", [...valuesOf(told, "forwarded"), element].join(", "));
  for (let index = 0; index < told.length; index += 2) {
    const name = (told[index] as string).toLowerCase();
    const isFurther = name.startsWith(FORWARDED_PREFIX) && !/^x-forwarded-(?:for|proto|host)$/.test(name);
    if (isFurther) list.push(told[index] as string, told[index + 1] as string);
  }
}

function pushFraming(list: HeaderList, request: IncomingMessage): void {
  const { headers } = request;
  if (/(?:^|,)\s*trailers\s*(?:,|$)/i.test(headerOf(headers, "te") ?? ""))
    list.push("TE", "trailers", "Connection", "keep-alive, TE");
  if (headers["transfer-encoding"] !== undefined) list.push("Transfer-Encoding", "chunked");
  else if (headers["content-length"] !== undefined) list.push("Content-Length", headers["content-length"]);
  else if (!BODILESS.has(request.method ?? "")) list.push("Content-Length", "0");
  // Node sends the header at once for it, and tells us when the app wants the body.
  if (/100-continue/i.test(headers.expect ?? "")) list.push("Expect", "100-continue");
}

function isDisguised(lowerName: string): boolean {
  const name = lowerName.replaceAll("_", "-");
  if (OWN.has(name) || name === "transfer-encoding") return true;
  return name.startsWith(FORWARDED_PREFIX) || name.startsWith(OWN_PREFIX);
}

function isEncrypted(request: IncomingMessage): boolean {
  return (request.socket as Partial<TLSSocket>).encrypted === true;
}

/** A value of RFC 7239: a token as it is, all else as a quoted string. */
function quoted(text: string): string {
  return /^[!#$%&'*+\-.^_`|~\w]+$/.test(text) ? text : `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}
