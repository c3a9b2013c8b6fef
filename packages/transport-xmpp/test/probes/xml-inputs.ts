import type { BindingName } from "./line.ts";
import type { StateName } from "./xml-states.ts";

/** Something that a client should not send, and what becomes of it here. */
export interface Input {
  readonly name: string;
  readonly content: string | Buffer;
  /** In words of `outcomeOf`. */
  outcome(binding: BindingName, state: StateName): string;
}

/** What is no XML, or none of XMPP (contract §7): refused by what it is, in every state. */
interface Malformed {
  readonly name: string;
  readonly content: string | Buffer;
  /** Stream error. */
  readonly fault: string;
  /** Whether there is a whole start tag before the fault: where a stream has to start, it is no `<stream:stream>`. */
  readonly hasStart: boolean;
  /** Close code, where it is not a stream error. */
  readonly websocket?: string;
  /** Condition, or HTTP status. Default: `bad-request`. */
  readonly bosh?: string;
}

/** What is good XML at a bad time. */
interface Untimely {
  readonly name: string;
  readonly content: string;
  /** Where it is not what any other element would get there. */
  readonly outcomes?: Readonly<Partial<Record<StateName, string>>>;
  /** The same by BOSH, where that is another. */
  readonly bosh?: Readonly<Partial<Record<StateName, string>>>;
}

const SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
const SM = "urn:xmpp:sm:3";
const STREAM = "http://etherx.jabber.org/streams";
const message = (content: string): string => `<message xmlns='jabber:client' to='localhost'>${content}</message>`;
const within = (...bytes: readonly number[]): Buffer =>
  Buffer.concat([Buffer.from("<a>"), Buffer.from(bytes), Buffer.from("</a>")]);
const BOMB =
  `<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">` +
  `<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>${message("<body>&c;</body>")}`;

const NOT_WELL_FORMED = { fault: "not-well-formed", hasStart: true } as const;
const RESTRICTED = { fault: "restricted-xml", hasStart: true } as const;
const NO_UTF8 = { fault: "bad-format", websocket: "1007" } as const;
const TOO_LARGE = { fault: "policy-violation", websocket: "1009", bosh: "policy-violation" } as const;

const MALFORMED: readonly Malformed[] = [
  { name: "an entity of HTML", content: message("<body>&nbsp;</body>"), ...NOT_WELL_FORMED },
  { name: "tags that cross", content: message("<a><b></a></b>"), ...NOT_WELL_FORMED },
  { name: "a control character", content: message("\u0001"), ...NOT_WELL_FORMED },
  { name: "a reference to NUL", content: message("&#0;"), ...NOT_WELL_FORMED },
  { name: "a reference beyond Unicode", content: message("&#x110000;"), ...NOT_WELL_FORMED },
  { name: "an attribute twice", content: "<message id='1' id='2'/>", ...NOT_WELL_FORMED, hasStart: false },
  { name: "an attribute without quotes", content: "<message id=1/>", ...NOT_WELL_FORMED, hasStart: false },
  { name: "a prefix that is not bound", content: "<x:message/>", ...NOT_WELL_FORMED, hasStart: false },
  { name: "a DOCTYPE", content: `<!DOCTYPE html>${message("")}`, ...RESTRICTED, hasStart: false },
  { name: "an entity bomb", content: BOMB, ...RESTRICTED, hasStart: false },
  { name: "a comment", content: message("<!-- x -->"), ...RESTRICTED },
  { name: "a processing instruction", content: message("<?php x?>"), ...RESTRICTED },
  {
    name: "bytes that are no UTF-8",
    content: Buffer.from([0x3c, 0x6d, 0xff, 0xfe, 0x3e]),
    ...NO_UTF8,
    hasStart: false,
  },
  { name: "half a character", content: within(0xe2, 0x82), ...NO_UTF8, hasStart: true },
  { name: "a surrogate as UTF-8", content: within(0xed, 0xa0, 0x80), ...NO_UTF8, hasStart: true },
  {
    name: "60 elements in one another",
    content: message("<a>".repeat(60) + "</a>".repeat(60)),
    fault: "policy-violation",
    hasStart: true,
    bosh: "policy-violation",
  },
  { name: "300 kB", content: message("x".repeat(300_000)), ...TOO_LARGE, hasStart: true },
  { name: "300 kB without an end", content: message("x".repeat(300_000)).slice(0, -10), ...TOO_LARGE, hasStart: true },
  { name: "300 kB in a tag", content: `<message id='${"x".repeat(300_000)}'/>`, ...TOO_LARGE, hasStart: false },
];

const INVALID_MECHANISM = { "before login": "failure invalid-mechanism" } as const;
const MALFORMED_SASL = { "before login": "failure malformed-request" } as const;
const NO_SM = {
  "before bind": "failed feature-not-implemented",
  "after bind": "failed feature-not-implemented",
} as const;
const NO_RESUME = {
  "before bind": "failed item-not-found",
  "after bind": "failed unexpected-request",
  "in a stream that can be resumed": "failed unexpected-request",
} as const;

const UNTIMELY: readonly Untimely[] = [
  { name: "an element that nobody knows", content: "<other xmlns='urn:other'/>" },
  { name: "a stanza of a server", content: "<message xmlns='jabber:server' to='localhost'/>" },
  {
    name: "a stanza",
    content: message("<body>x</body>"),
    outcomes: {
      "before bind": "not-authorized",
      "after bind": "error service-unavailable",
      "in a stream that can be resumed": "error service-unavailable",
    },
  },
  { name: "an unknown mechanism", content: `<auth xmlns='${SASL}' mechanism='X-NONE'/>`, outcomes: INVALID_MECHANISM },
  { name: "no mechanism", content: `<auth xmlns='${SASL}'/>`, outcomes: INVALID_MECHANISM },
  { name: "a response first", content: `<response xmlns='${SASL}'>AA==</response>`, outcomes: MALFORMED_SASL },
  { name: "the client's <success/>", content: `<success xmlns='${SASL}'/>`, outcomes: MALFORMED_SASL },
  {
    name: "<starttls/>",
    content: "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    outcomes: { "before TLS": "taken" },
  },
  {
    name: "<resume/> of nothing",
    content: `<resume xmlns='${SM}' previd='none' h='0'/>`,
    outcomes: NO_RESUME,
    bosh: NO_SM,
  },
  {
    name: "<resume/> without a count",
    content: `<resume xmlns='${SM}' previd='none'/>`,
    outcomes: NO_RESUME,
    bosh: NO_SM,
  },
  {
    name: "an acknowledgement of what was never sent",
    content: `<a xmlns='${SM}' h='99'/>`,
    outcomes: {
      "before bind": "failed unexpected-request",
      "after bind": "policy-violation",
      "in a stream that can be resumed": "taken",
    },
    bosh: NO_SM,
  },
  {
    name: "the client's stream error",
    content: `<stream:error xmlns:stream='${STREAM}'><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`,
    outcomes: {
      "before TLS": "closed",
      "before login": "closed",
      "before bind": "closed",
      "after bind": "closed",
      "in a stream that can be resumed": "closed",
    },
  },
];

/** All of them. */
export const INPUTS: readonly Input[] = [
  ...MALFORMED.map(malformed),
  ...UNTIMELY.map(untimely),
  {
    name: "text between elements",
    content: "text",
    outcome: (binding, state) => {
      if (binding === "bosh") return "bad-request";
      return binding === "websocket" || isStarting(state) ? "not-well-formed" : "bad-format";
    },
  },
];

function isStarting(state: StateName): boolean {
  return state === "before the stream" || state === "between login and the next stream";
}

function malformed({ name, content, fault, hasStart, websocket = fault, bosh = "bad-request" }: Malformed): Input {
  const outcome = (binding: BindingName, state: StateName): string => {
    if (binding === "bosh") return bosh;
    // Each message is read to its end before anybody looks at what it is.
    if (binding === "websocket") return websocket;
    return hasStart && isStarting(state) ? "invalid-namespace" : fault;
  };
  return { name, content, outcome };
}

function untimely({ name, content, outcomes, bosh }: Untimely): Input {
  const outcome = (binding: BindingName, state: StateName): string => {
    const isBosh = binding === "bosh";
    const named = (isBosh ? bosh?.[state] : undefined) ?? outcomes?.[state];
    const found = named ?? (isStarting(state) ? startingWith(binding) : lateOrEarly(state));
    const isStreamError = !/^(?:taken|closed|error|failure|failed)\b/.test(found);
    return isBosh && isStreamError ? `remote-stream-error: ${found}` : found;
  };
  return { name, content, outcome };
}

/** By TCP the first element is the stream; else what is not the start of one comes before it. */
function startingWith(binding: BindingName): string {
  return binding === "tcp" ? "invalid-namespace" : "not-authorized";
}

function lateOrEarly(state: StateName): string {
  return state === "before TLS" || state === "before login" ? "not-authorized" : "unsupported-stanza-type";
}
