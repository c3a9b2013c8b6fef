import { randomBytes } from "node:crypto";
import { createElement, type Element } from "ltx";
import type { Ledger } from "./ledger.ts";
import { NS } from "../xml/namespaces.ts";
import type { XmlNode } from "../xml/xml-node.ts";

/** XEP-0198 counts up to here, and then from 0 again. */
const COUNT = 2 ** 32;

/** What a stream counts in both directions since `<enable/>` (XEP-0198). */
export class StreamManagement {
  readonly #ledger: Ledger;
  #isOn = false;
  #resumption: string | null = null;
  /** Stanzas sent before it was on. */
  #base = 0;
  /** Stanzas that the client has sent since. */
  received = 0;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  get base(): number {
    return this.#base;
  }

  /** By which the stream can be resumed; `null` if it can't. */
  get resumption(): string | null {
    return this.#resumption;
  }

  /** The client has asked for it, and whether it wants to resume. */
  enable(isResumable: boolean): void {
    this.#isOn = true;
    this.#base = this.#ledger.sent;
    this.received = 0;
    if (isResumable) this.#resumption = randomBytes(18).toString("base64url");
  }

  /** Goes on where a stream was cut. */
  resume(resumption: string, base: number, received: number): void {
    this.#isOn = true;
    this.#resumption = resumption;
    this.#base = base;
    this.received = received;
  }

  /** Our number of the client's `h`-th stanza. */
  numberOf(h: number): number {
    return numberOf(h, this.#base, this.#ledger.acknowledged);
  }
}

/** Our number of the client's `h`-th stanza, which can't be behind what it has acknowledged. */
export function numberOf(h: number, base: number, acknowledged: number): number {
  const wraps = Math.floor(Math.max(0, acknowledged - base) / COUNT);
  return base + wraps * COUNT + h;
}

/** How many stanzas the client says to have handled; `null` if it says nothing that is a count. */
export function parseH(node: XmlNode): number | null {
  const text = node.attribute("h") ?? "";
  const h = Number(text);
  return /^\d{1,10}$/.test(text) && h < COUNT ? h : null;
}

/** `<enabled/>`. */
export function enabledElement(resumption: string | null, hibernateMs: number): Element {
  const max = String(Math.floor(hibernateMs / 1000));
  const attributes = resumption === null ? {} : { id: resumption, resume: "true", max };
  return createElement("enabled", { xmlns: NS.sm, ...attributes });
}

/** `<resumed/>`. */
export function resumedElement(resumption: string, received: number): Element {
  return createElement("resumed", { xmlns: NS.sm, previd: resumption, h: String(received % COUNT) });
}

/** `<failed/>`. */
export function failedElement(condition: string): Element {
  return createElement("failed", { xmlns: NS.sm }, createElement(condition, { xmlns: NS.stanzas }));
}

/** `<r/>`. */
export const REQUEST: Buffer = Buffer.from(createElement("r", { xmlns: NS.sm }).toString());

/** `<a/>`. */
export function answerElement(received: number): Element {
  return createElement("a", { xmlns: NS.sm, h: String(received % COUNT) });
}
