import type { Gap } from "@sluice/core";
import { escapeXML } from "ltx";
import { NS } from "../xml/namespaces.ts";

const END = Buffer.from("</message>");

/** What ends an item's stanza. @param time when the event was published, if it comes late */
export function tailOf(time: string | null): Buffer {
  return time === null ? END : Buffer.from(`<delay xmlns="${NS.delay}" stamp="${time}"/></message>`);
}

/**
 * One item as a whole stanza. By hand, since this is done once per reader and event.
 * @param head `<message to="…"`
 * @param body of an item codec, in which the item lies between `from` and `to`
 * @param time when the event was published, if it comes late
 */
export function itemStanza(head: Buffer, body: Buffer, from: number, to: number, time: string | null): Buffer {
  const tail = tailOf(time);
  const whole = Buffer.allocUnsafe(head.length + to - from + tail.length);
  head.copy(whole, 0);
  body.copy(whole, head.length, from, to);
  tail.copy(whole, whole.length - tail.length);
  return whole;
}

/** That events of a node are missing. */
export function gapStanza(head: Buffer, service: string, node: string, { after, resumedAt, reason }: Gap): Buffer {
  const told =
    ` type="headline" from="${service}" id="gap-${resumedAt}"><gap xmlns="${NS.sluice}" ` +
    `node="${escapeXML(node)}" after="${after}" resumed-at="${resumedAt}" reason="${reason}"/>`;
  return Buffer.concat([head, Buffer.from(told), END]);
}
