import { NS } from "../xml/namespaces.ts";
import type { XmlNode } from "../xml/xml-node.ts";

/**
 * What an answer says about the one who was asked: that it is there, that its server has nobody of that name (any more),
 * or cannot be reached now. `unclear`: `service-unavailable` is what servers say for those who are not there, and what
 * many clients say to a ping.
 */
export type Verdict = "there" | "gone" | "unreachable" | "unclear";

const VERDICTS: ReadonlyMap<string, Verdict> = new Map([
  ["service-unavailable", "unclear"],
  ["recipient-unavailable", "gone"],
  ["gone", "gone"],
  ["redirect", "gone"],
  ["item-not-found", "gone"],
  ["jid-malformed", "gone"],
  ["remote-server-not-found", "unreachable"],
  ["remote-server-timeout", "unreachable"],
]);

/** Reads an answer, or a stanza that came back. */
export function verdictOf(stanza: XmlNode): Verdict {
  if (stanza.attribute("type") !== "error") return "there";
  return VERDICTS.get(conditionOf(stanza)) ?? "there";
}

/**
 * What tells whose word an error is: two programs hardly build it alike, and one always does. The text is left out, since
 * servers give reasons in it.
 */
export function shapeOf(stanza: XmlNode): string {
  const error = stanza.child("error");
  const parts = [...stanza.children, ...(error?.children ?? [])].map(({ name, ns }) => `${name} ${ns}`);
  return [error?.attribute("type") ?? "", ...parts].join("\n");
}

function conditionOf(stanza: XmlNode): string {
  const conditions = stanza.child("error")?.children ?? [];
  return conditions.find(({ name, ns }) => ns === NS.stanzas && name !== "text")?.name ?? "";
}
