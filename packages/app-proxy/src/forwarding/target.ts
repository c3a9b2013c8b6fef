import type { IncomingMessage } from "node:http";
import { SluiceError } from "@sluice/core";

/** What a request asks for. */
export interface Target {
  /** Path and query as they came, byte for byte; `*` for `OPTIONS *`. */
  readonly text: string;
  /** Host and port of a target in absolute form, which counts more than `Host` (RFC 9112 §3.2.2). */
  readonly authority: string | null;
}

const ABSOLUTE = /^https?:\/\/([^/?#@\s]+)(?=[/?]|$)(.*)$/is;
/** What `uri-host [":" port]` is made of (RFC 9110 §7.2). Empty is valid. Node's parser sees to it within a target. */
const HOST = /^[\w\-.~!$&'()*+,;=:%[\]]*$/;

/**
 * Reads the target of a request, and refuses what an app could understand in another way than the gateway: request
 * smuggling (RFC 9112 §11.2). Node's strict parser has refused the rest already: a length beside a chunked body, two
 * lengths, bad chunks, folded lines, line ends that are no CRLF.
 * @throws {SluiceError} `bad-request`
 */
export function targetOf(request: IncomingMessage): Target {
  const { httpVersion, rawHeaders, headers, url = "" } = request;
  if (httpVersion !== "1.1" && httpVersion !== "1.0") throw refused("is not in HTTP/1.1");
  const coding = headers["transfer-encoding"];
  if (coding !== undefined) {
    if (httpVersion === "1.0") throw refused("has a transfer coding that HTTP/1.0 does not know");
    if (coding.trim().toLowerCase() !== "chunked") throw refused("has a transfer coding other than chunked");
  }
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() === "host") hosts += 1;
  }
  if (hosts > 1) throw refused("has more than one Host header");
  if (hosts === 0 && httpVersion === "1.1") throw refused("needs a Host header");
  if (!HOST.test(headers.host ?? "")) throw refused("has a Host header that is no host");
  if (url.startsWith("/")) return { text: url, authority: null };
  if (url === "*" && request.method === "OPTIONS") return { text: "*", authority: null };
  const [, authority, rest] = ABSOLUTE.exec(url) ?? [];
  if (authority === undefined || rest === undefined) throw refused("has a target that is no path");
  return { text: rest.startsWith("/") ? rest : `/${rest}`, authority };
}

/**
 * Refuses a request that has been here before: the app's URL leads back to the gateway.
 * @throws {SluiceError} `app-unreachable`
 */
export function checkLoop({ headers }: IncomingMessage, pseudonym: string): void {
  if (headers.via?.includes(pseudonym) !== true) return;
  throw new SluiceError(
    "app-unreachable",
    "app.url leads back to the gateway itself: it must be the address of the app.",
  );
}

function refused(what: string): SluiceError {
  return new SluiceError("bad-request", `The request ${what}.`);
}
