import { randomBytes } from "node:crypto";
import { createElement, type Element } from "ltx";
import { isSameJid } from "../xml/jid.ts";
import { NS } from "../xml/namespaces.ts";
import type { XmlNode } from "../xml/xml-node.ts";

type Heard = (answer: XmlNode) => void;

/**
 * Pings (XEP-0199) and their answers. XMPP keeps the order between two addresses, and everybody has to answer an iq
 * (RFC 6120 §8.2.3), if only by an error: so an answer shows that what was sent before the ping has come as far.
 */
export class Questions {
  readonly #from: string;
  readonly #put: (stanza: Element) => void;
  /** So that an answer to a former process is none. */
  readonly #tag: string = randomBytes(9).toString("base64url");
  readonly #open = new Map<string, { readonly to: string; readonly heard: Heard }>();
  #count = 0;

  constructor(from: string, put: (stanza: Element) => void) {
    this.#from = from;
    this.#put = put;
  }

  /** Asks `to`. The answer withdraws the question. */
  ask(to: string, heard: Heard): () => void {
    this.#count += 1;
    const id = `${this.#tag}-${this.#count.toString(36)}`;
    this.#open.set(id, { to, heard });
    this.#put(
      createElement("iq", { type: "get", id, from: this.#from, to }, createElement("ping", { xmlns: NS.ping })),
    );
    return () => this.#open.delete(id);
  }

  /** An iq has come that answers something, this or that. */
  answered(iq: XmlNode): void {
    const id = iq.attribute("id") ?? "";
    const question = this.#open.get(id);
    if (question === undefined || !isSameJid(iq.attribute("from") ?? "", question.to)) return;
    this.#open.delete(id);
    question.heard(iq);
  }

  clear(): void {
    this.#open.clear();
  }
}
