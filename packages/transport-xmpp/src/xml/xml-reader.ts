import { SaxesParser, type SaxesTagNS } from "saxes";
import { plainAnswer } from "./plain-answer.ts";
import { XmlNode } from "./xml-node.ts";

/** Why input can't be read on; stream error conditions (RFC 6120 §4.9.3). */
export type XmlFault =
  | "not-well-formed"
  | "restricted-xml"
  | "bad-format"
  | "policy-violation"
  | "unsupported-encoding";

/** What comes out of an {@link XmlReader}. None of the calls may throw. */
export interface XmlHandler {
  /** The root's start tag. */
  opened(root: XmlNode): void;
  /** A whole child of the root, or a whole document. */
  received(node: XmlNode): void;
  /** The root's end tag, in a stream. */
  closed(): void;
  /** Nothing comes after this. */
  failed(fault: XmlFault): void;
}

/** Bounds of one element, and what is let pass. */
export interface XmlLimits {
  /** Characters, markup and all: never more than its bytes. */
  readonly characters: number;
  /** Elements in one another, the stream's root counted. Default: 50. */
  readonly depth?: number;
  /**
   * Whether the namespace of `xml:` may be bound anew: servers do so when they relay a client's `<xml:a/>`, which then
   * is nobody's fault at this end. Default: it is not well-formed.
   */
  readonly canRebindXml?: boolean;
}

/** What the parser calls it when that namespace is bound to another prefix, or to none. */
const OF_XML_NAMESPACE = /XML\/1998\/namespace\.$|the xml namespace to another prefix/;

const MAX_DEPTH = 50;

/** The longest element of a client that has not logged in. */
export const LOGGED_OUT: XmlLimits = { characters: 10_000 };

/** The longest element of one that has: what clients and servers are sure to take. */
export const LOGGED_IN: XmlLimits = { characters: 256 * 1024 };

class XmlError extends Error {
  readonly fault: XmlFault;

  constructor(fault: XmlFault) {
    super(fault);
    this.fault = fault;
  }
}

/**
 * Reads the XML subset of RFC 6120 §11.1: no comment, no processing instruction, no DTD, no entity but the predefined
 * five. Strict, streaming, bounded: what a client can make it hold is one element of the limit.
 */
export class XmlReader {
  readonly #handler: XmlHandler;
  readonly #limits: () => XmlLimits;
  /** Depth at which an element is whole: 1 in a stream, 0 where each message is a document. */
  readonly #unitDepth: 0 | 1;
  readonly #parser: SaxesParser<{ xmlns: true; position: false }> = new SaxesParser({ xmlns: true, position: false });
  readonly #decoder: InstanceType<typeof TextDecoder> = new TextDecoder("utf-8", { fatal: true });
  readonly #open: XmlNode[] = [];
  /** Where the element that is under way began. */
  #startedAt = 0;
  /** Characters that the parser has been given. */
  #written = 0;
  /** Where the last element ended, or the root's start tag; `null` once the next one has begun. */
  #betweenFrom: number | null = null;
  #isDead = false;
  #hasBegun = false;

  constructor(handler: XmlHandler, limits: () => XmlLimits, unit: "stream" | "document") {
    this.#handler = handler;
    this.#limits = limits;
    this.#unitDepth = unit === "stream" ? 1 : 0;
    this.#listen();
  }

  /** Takes bytes as they come; a character may be cut in two. */
  feed(chunk: Uint8Array): void {
    if (this.#isDead) return;
    let text: string;
    try {
      text = this.#decoder.decode(chunk, { stream: true });
    } catch {
      // What is good before that counts, however the bytes were put together on their way.
      this.write(goodStartOf(chunk));
      this.#fail("bad-format");
      return;
    }
    this.write(text);
  }

  /** Takes text. */
  write(text: string): void {
    if (this.#isDead) return;
    // Clients send white space between streams and to keep a connection alive; it must not add up.
    const isBetween = this.#written === this.#startedAt;
    const rest = isBetween && (!this.#hasBegun || /^\s*$/.test(text)) ? text.trimStart() : text;
    if (rest === "") return;
    this.#hasBegun = true;
    const answer = isBetween && this.#unitDepth === 1 && this.#open.length === 1 ? plainAnswer(rest) : null;
    if (answer !== null) {
      this.#handler.received(answer);
      return;
    }
    try {
      this.#parser.write(rest);
      this.#refuseText(rest);
      this.#written += rest.length;
      this.#measure(this.#written);
    } catch (error) {
      this.#fail(error instanceof XmlError ? error.fault : "not-well-formed");
    }
  }

  /** The document is whole: what is missing now is a fault. */
  end(): void {
    if (this.#isDead) return;
    try {
      this.#parser.close();
    } catch {
      this.#fail("not-well-formed");
    }
  }

  /** What still comes is not looked at. */
  stop(): void {
    this.#isDead = true;
  }

  #listen(): void {
    const parser = this.#parser;
    const refuse = (fault: XmlFault) => (): never => {
      throw new XmlError(fault);
    };
    // A DTD within the stream is found to be misplaced before it is told of.
    parser.on("error", ({ message }) => {
      if (this.#limits().canRebindXml === true && OF_XML_NAMESPACE.test(message)) return;
      throw new XmlError(message.includes("doctype") ? "restricted-xml" : "not-well-formed");
    });
    parser.on("doctype", refuse("restricted-xml"));
    parser.on("xmldecl", ({ encoding = "UTF-8" }) => {
      // RFC 6120 §11.6: there is no other.
      if (!/^utf-8$/i.test(encoding)) throw new XmlError("unsupported-encoding");
    });
    parser.on("comment", refuse("restricted-xml"));
    parser.on("processinginstruction", refuse("restricted-xml"));
    parser.on("opentag", (tag) => this.#opened(tag));
    parser.on("closetag", () => this.#closed());
    parser.on("text", (text) => this.#text(text));
    parser.on("cdata", (text) => this.#text(text));
  }

  #opened(tag: SaxesTagNS): void {
    if (this.#isDead) return;
    this.#measure();
    const attributes = new Map<string, string>();
    for (const [name, { value, prefix, local, uri }] of Object.entries(tag.attributes)) {
      if (prefix === "xmlns") continue;
      attributes.set(uri === "" || prefix === "xml" || name === "xmlns" ? name : `${uri} ${local}`, value);
    }
    const node = new XmlNode(tag.local, tag.uri, attributes);
    const parent = this.#open.at(-1);
    this.#open.push(node);
    if (this.#open.length > (this.#limits().depth ?? MAX_DEPTH)) throw new XmlError("policy-violation");
    if (this.#open.length > this.#unitDepth + 1) parent?.children.push(node);
    if (this.#open.length > 1) return;
    if (this.#unitDepth === 1) this.#ended();
    this.#handler.opened(node);
  }

  #closed(): void {
    if (this.#isDead) return;
    this.#measure();
    const node = this.#open.pop();
    if (node === undefined) return;
    if (this.#open.length === this.#unitDepth) {
      this.#ended();
      this.#handler.received(node);
    } else if (this.#open.length === 0) this.#handler.closed();
  }

  /** What comes now is the next element. */
  #ended(): void {
    this.#startedAt = this.#parser.position;
    this.#betweenFrom = this.#startedAt;
  }

  /** The parser tells of text when it is over: a client that sends nothing behind it would not hear what is wrong. */
  #refuseText(chunk: string): void {
    if (this.#isDead || this.#betweenFrom === null || this.#open.length !== 1 || this.#unitDepth === 0) return;
    const [next] = /\S/.exec(chunk.slice(Math.max(this.#betweenFrom - this.#written, 0))) ?? [];
    if (next === undefined) return;
    if (next !== "<") throw new XmlError("bad-format");
    this.#betweenFrom = null;
  }

  #text(text: string): void {
    if (this.#isDead) return;
    if (this.#open.length > this.#unitDepth) this.#open.at(-1)?.addText(text);
    else if (/\S/.test(text)) throw new XmlError(this.#open.length === 0 ? "not-well-formed" : "bad-format");
    else this.#startedAt = this.#parser.position;
  }

  /** The parser's own position holds only while it is at work. */
  #measure(position: number = this.#parser.position): void {
    if (this.#isDead) return;
    if (position - this.#startedAt > this.#limits().characters) throw new XmlError("policy-violation");
  }

  #fail(fault: XmlFault): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.#handler.failed(fault);
  }
}

/** The text before the first byte that belongs to none. */
function goodStartOf(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes);
  const end = text.indexOf("\uFFFD");
  return end === -1 ? "" : text.slice(0, end);
}
