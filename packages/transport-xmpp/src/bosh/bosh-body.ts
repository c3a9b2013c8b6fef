import { createElement } from "ltx";
import { NS } from "../xml/namespaces.ts";
import type { XmlNode } from "../xml/xml-node.ts";

/** Why the gateway ends a BOSH session (XEP-0124 §17.2). */
export type BoshCondition =
  | "bad-request"
  | "host-unknown"
  | "improper-addressing"
  | "internal-server-error"
  | "item-not-found"
  | "policy-violation"
  | "remote-stream-error"
  | "system-shutdown";

const SAME: ReadonlySet<string> = new Set([
  "host-unknown",
  "internal-server-error",
  "policy-violation",
  "system-shutdown",
]);

/** What a stream error is called by BOSH. */
export function boshCondition(streamError: string): BoshCondition {
  return SAME.has(streamError) ? (streamError as BoshCondition) : "remote-stream-error";
}

/** A `<body/>` around stanzas. */
export function boshBody(attributes: Readonly<Record<string, string | undefined>>, content: readonly Buffer[]): Buffer {
  const body = createElement("body", { xmlns: NS.httpbind, ...attributes }).toString();
  if (content.length === 0) return Buffer.from(body);
  return Buffer.concat([Buffer.from(body.replace(/\/>$/, ">")), ...content, Buffer.from("</body>")]);
}

/** The `<body/>` that ends a session. */
export function terminateBody(condition: BoshCondition | null, content: readonly Buffer[] = []): Buffer {
  return boshBody({ type: "terminate", condition: condition ?? undefined }, content);
}

/** An attribute that is a whole number, at the most of 16 digits; `null` for all else. */
export function countOf(body: XmlNode, name: string): number | null {
  const text = body.attribute(name) ?? "";
  return /^\d{1,16}$/.test(text) ? Number(text) : null;
}
