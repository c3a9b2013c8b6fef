import { createElement, type Element } from "ltx";
import { NS } from "../xml/namespaces.ts";
import type { XmlNode } from "../xml/xml-node.ts";

const COUNT = 2 ** 32;

/** The elements of stream management (XEP-0198). */
export const StreamManagement = {
  enabled(resumption: string | null, hibernateMs: number): Element {
    const max = String(Math.floor(hibernateMs / 1000));
    const attributes = resumption === null ? {} : { id: resumption, resume: "true", max };
    return createElement("enabled", { xmlns: NS.sm, ...attributes });
  },
  resumed(resumption: string, received: number): Element {
    return createElement("resumed", { xmlns: NS.sm, previd: resumption, h: String(received % COUNT) });
  },
  failed(condition: string): Element {
    return createElement("failed", { xmlns: NS.sm }, createElement(condition, { xmlns: NS.stanzas }));
  },
  request(): Element {
    return createElement("r", { xmlns: NS.sm });
  },
  answer(received: number): Element {
    return createElement("a", { xmlns: NS.sm, h: String(received % COUNT) });
  },
} as const;

/** How many stanzas the client says to have handled; `null` if it says nothing that is a count. */
export function parseH(node: XmlNode): number | null {
  const text = node.attribute("h") ?? "";
  const h = Number(text);
  return /^\d{1,10}$/.test(text) && h < COUNT ? h : null;
}
