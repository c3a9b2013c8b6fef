import { randomBytes } from "node:crypto";
import { countOf } from "./bosh-body.ts";
import { NS } from "../xml/namespaces.ts";
import type { XmlNode } from "../xml/xml-node.ts";

/** What a session was created with. Times are in seconds. */
export interface BoshTerms {
  readonly sid: string;
  /** Of the first request. */
  readonly rid: number;
  readonly wait: number;
  readonly hold: number;
  readonly version: string;
  /** What its answers are called. */
  readonly type: string;
  readonly isSecure: boolean;
}

/** Seconds without a request after which a session is given up, and how far a client may stretch that. */
export const INACTIVITY: number = 60;
export const MAX_PAUSE: number = 120;
/** What answers are called that belong to no session. */
export const DEFAULT_TYPE: string = "text/xml; charset=utf-8";

/** What a client may have its answers called; else any page could have them run as something else. */
const TYPES: ReadonlySet<string> = new Set([
  DEFAULT_TYPE,
  "text/xml",
  "application/xml",
  "application/xml; charset=utf-8",
]);
/** Seconds between two empty requests of a client that polls. */
const POLLING = 2;
const MAX_WAIT = 120;
const MAX_HOLD = 1;
/** Of XEP-0124, whose major one is 1. */
const MINOR_VERSION = 11;

/** Terms for a client by its first request: never more than it asked for. `null` if its `content` can't be granted. */
export function termsFor(body: XmlNode, rid: number, isSecure: boolean): BoshTerms | null {
  const type = body.attribute("content") ?? DEFAULT_TYPE;
  if (!TYPES.has(type.toLowerCase())) return null;
  return {
    sid: randomBytes(24).toString("base64url"),
    rid,
    wait: Math.min(countOf(body, "wait") ?? INACTIVITY, MAX_WAIT),
    hold: Math.min(countOf(body, "hold") ?? MAX_HOLD, MAX_HOLD),
    version: lowerVersion(body.attribute("ver")),
    type,
    isSecure,
  };
}

/** What the answer to the first request says of the session (XEP-0124 §7.2, XEP-0206 §4). */
export function creationAttributes(terms: BoshTerms, domain: string): Readonly<Record<string, string>> {
  return {
    sid: terms.sid,
    wait: String(terms.wait),
    hold: String(terms.hold),
    requests: String(terms.hold + 1),
    ver: terms.version,
    polling: String(POLLING),
    inactivity: String(INACTIVITY),
    maxpause: String(MAX_PAUSE),
    from: domain,
    ack: String(terms.rid),
    "xmlns:xmpp": NS.xbosh,
    "xmpp:version": "1.0",
    "xmpp:restartlogic": "true",
    "xmlns:stream": NS.stream,
  };
}

/** The client's version of BOSH or ours, whichever is lower: its minor number is a number, not a decimal. */
function lowerVersion(theirs: string | undefined): string {
  const [, major, minor] = /^(\d{1,3})\.(\d{1,3})$/.exec(theirs ?? "") ?? [];
  return Number(major) === 1 && Number(minor) < MINOR_VERSION ? `1.${Number(minor)}` : `1.${MINOR_VERSION}`;
}
