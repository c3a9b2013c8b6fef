import type { Codec, StoredEvent } from "@sluice/core";
import { escapeXML, escapeXMLText } from "ltx";
import { NS } from "../xml/namespaces.ts";

/** Where one item ends in what {@link ItemCodecs} encoded, and what a reader needs to know of it. */
export interface Item {
  readonly end: number;
  readonly position: number;
  /** When the event was published, for `<delay/>`. */
  readonly time: string;
}

/** The largest stanza that clients and servers are sure to take. */
export const MAX_STANZA_BYTES: number = 256 * 1024;

/** Where encoded bytes have their items. A `WeakMap` would be asked once per reader and event, and costs more then. */
const ITEMS: unique symbol = Symbol("items");

interface Itemized {
  [ITEMS]?: readonly Item[];
}

/** The items in bytes that a codec made. */
export function itemsOf(bytes: Buffer): readonly Item[] {
  return (bytes as Buffer & Itemized)[ITEMS] ?? [];
}

/**
 * One codec per node, since an item names the node that it comes by. All that is the same for every reader is encoded
 * once: `<message to="…"` goes before it and `</message>` behind it.
 */
export class ItemCodecs {
  readonly #service: string;
  readonly #linkTo: (event: StoredEvent) => string;
  readonly #codecs = new Map<string, { readonly codec: Codec<Buffer>; users: number }>();

  /** `linkTo` is the URL at which an event that is too large for a stanza can be had. */
  constructor(service: string, linkTo: (event: StoredEvent) => string) {
    this.#service = service;
    this.#linkTo = linkTo;
  }

  /** The codec of a node; to be given back. */
  take(node: string): Codec<Buffer> {
    const known = this.#codecs.get(node);
    if (known !== undefined) {
      known.users += 1;
      return known.codec;
    }
    const codec: Codec<Buffer> = {
      name: `xmpp ${node}`,
      transport: "xmpp",
      encode: (events) => this.#encode(node, events),
    };
    this.#codecs.set(node, { codec, users: 1 });
    return codec;
  }

  giveBack(node: string): void {
    const known = this.#codecs.get(node);
    if (known === undefined) return;
    known.users -= 1;
    if (known.users === 0) this.#codecs.delete(node);
  }

  #encode(node: string, events: readonly StoredEvent[]): Buffer {
    const parts: Buffer[] = [];
    const found: Item[] = [];
    let end = 0;
    for (const event of events) {
      const part = this.#item(node, event);
      parts.push(part);
      end += part.length;
      found.push({ end, position: event.position, time: event.time });
    }
    const bytes: Buffer & Itemized = Buffer.concat(parts, end);
    bytes[ITEMS] = found;
    return bytes;
  }

  #item(node: string, event: StoredEvent): Buffer {
    const { cursor } = event;
    const head =
      ` type="headline" from="${this.#service}" id="${cursor}"><event xmlns="${NS.pubsubEvent}">` +
      `<items node="${escapeXML(node)}">`;
    const whole = Buffer.from(`${head}<item id="${cursor}">${jsonContainer(event.json)}</item></items></event>`);
    if (whole.length <= MAX_STANZA_BYTES) return whole;
    const link = `<x xmlns="${NS.oob}"><url>${escapeXMLText(this.#linkTo(event))}</url></x>`;
    return Buffer.from(`${head}<item id="${cursor}"/></items></event>${link}`);
  }
}

/** JSON in a container of XEP-0335. */
function jsonContainer(json: string): string {
  return `<json xmlns="${NS.json}">${escapeXMLText(xmlSafe(json))}</json>`;
}

/** The two characters that JSON may hold and XML may not, as JSON escapes: they can only be within its strings. */
export function xmlSafe(json: string): string {
  return json.replace(/[\ufffe\uffff]/g, (character) => (character === "\ufffe" ? "\\ufffe" : "\\uffff"));
}
