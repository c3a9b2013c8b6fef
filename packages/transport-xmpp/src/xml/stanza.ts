import { SluiceError, type ErrorCode } from "@sluice/core";
import { createElement, type Element } from "ltx";
import { NS } from "./namespaces.ts";
import type { XmlNode } from "./xml-node.ts";

/** `auth`, `cancel`, `modify`, `wait` (RFC 6120 §8.3.2). */
export type ErrorType = "auth" | "cancel" | "modify" | "wait";

/** A fault that a stanza is answered with. */
export class StanzaError extends Error {
  readonly type: ErrorType;
  readonly condition: string;
  /** A condition of XEP-0060's own beside it. */
  readonly detail: string | null;

  constructor(type: ErrorType, condition: string, detail: string | null = null, text: string = "") {
    super(text);
    this.type = type;
    this.condition = condition;
    this.detail = detail;
  }
}

/** The answer to an iq, or to any stanza that is refused. `from` is whom it was for. */
export function errorOf(stanza: XmlNode, error: StanzaError, to: string): Element {
  const children = [createElement(error.condition, { xmlns: NS.stanzas })];
  if (error.message !== "") children.push(createElement("text", { xmlns: NS.stanzas }, error.message));
  if (error.detail !== null) children.push(createElement(error.detail, { xmlns: NS.pubsubErrors }));
  return createElement(
    stanza.name,
    { type: "error", id: stanza.attribute("id"), from: stanza.attribute("to"), to },
    createElement("error", { type: error.type }, ...children),
  );
}

/** The answer to an iq that went well. */
function resultOf(iq: XmlNode, to: string, ...children: readonly Element[]): Element {
  return createElement("iq", { type: "result", id: iq.attribute("id"), from: iq.attribute("to"), to }, ...children);
}

/** What an iq is answered with: what `answer` gives, or why not, of which `refused` is told. @throws what is no such reason */
export async function answerIq(
  iq: XmlNode,
  to: string,
  answer: () => Promise<readonly Element[]>,
  refused: (code: string) => void,
): Promise<Element> {
  try {
    const type = iq.attribute("type");
    if (iq.attribute("id") === undefined || (type !== "get" && type !== "set")) {
      throw new StanzaError("modify", "bad-request");
    }
    return resultOf(iq, to, ...(await answer()));
  } catch (error) {
    const told = toStanzaError(error);
    if (told === null) throw error;
    refused(told.detail ?? told.condition);
    return errorOf(iq, told, to);
  }
}

/** What a stream ends with (RFC 6120 §4.9). */
export function streamError(condition: string): Element {
  return createElement("stream:error", { "xmlns:stream": NS.stream }, createElement(condition, { xmlns: NS.streams }));
}

type Named = readonly [ErrorType, string, string | null];

const FORBIDDEN: Named = ["auth", "forbidden", null];
const NOT_FOUND: Named = ["cancel", "item-not-found", null];
const INVALID_PAYLOAD: Named = ["modify", "bad-request", "invalid-payload"];
const UNAVAILABLE: Named = ["wait", "internal-server-error", null];
const UNDEFINED: Named = ["cancel", "undefined-condition", null];

const NAMES: Readonly<Partial<Record<ErrorCode, Named>>> = {
  unauthorized: FORBIDDEN,
  forbidden: FORBIDDEN,
  "invalid-filter": NOT_FOUND,
  "invalid-topic": NOT_FOUND,
  "invalid-cursor": NOT_FOUND,
  "not-found": NOT_FOUND,
  "too-large": ["modify", "not-acceptable", "payload-too-big"],
  "invalid-event": INVALID_PAYLOAD,
  "invalid-json": INVALID_PAYLOAD,
  "log-unavailable": UNAVAILABLE,
  "app-unavailable": UNAVAILABLE,
  "keys-unavailable": UNAVAILABLE,
};

/** What a fault of the gateway is called in XMPP; `null` for what is no fault of that kind. */
export function toStanzaError(error: unknown): StanzaError | null {
  if (error instanceof StanzaError) return error;
  if (!(error instanceof SluiceError)) return null;
  const [type, condition, detail] = NAMES[error.code] ?? UNDEFINED;
  return new StanzaError(type, condition, detail, error.message);
}
