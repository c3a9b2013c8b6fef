import { isOfType, type HttpHead } from "./http-head.ts";

/** The label of a `<body/>` without anything in it. */
export const EMPTY = "empty";

/** Whether a message is one of BOSH (XEP-0124): its content is XML. The parlour has no other that is. */
export function isBosh(head: HttpHead): boolean {
  return isOfType(head, "text/xml");
}

/** What is in a `<body/>`: the name of its first element, or else what it does to the session. */
export function boshLabel(content: Buffer): string {
  const [, attributes, first] = /^\s*<body\b([^>]*)>\s*(?:<([\w:-]+))?/.exec(content.toString()) ?? [];
  if (attributes === undefined) return "no body";
  if (/\stype=["']terminate["']/.test(attributes)) return "terminate";
  if (first !== undefined) return first;
  if (/\sxmpp:restart=["']true["']/.test(attributes)) return "restart";
  return /\swait=["']/.test(attributes) ? "session" : EMPTY;
}

/** How many events are in it: an item of a message each (XEP-0060 §7.1.2.1). */
export function countItems(content: Buffer): number {
  return content.toString().match(/<item[\s>]/g)?.length ?? 0;
}
