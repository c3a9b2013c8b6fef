import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import type { Clock } from "@sluice/core";
import { createElement } from "ltx";
import { NS } from "../xml/namespaces.ts";
import { streamError } from "../xml/stanza.ts";
import type { XmlNode } from "../xml/xml-node.ts";
import { XmlReader, type XmlFault, type XmlHandler, type XmlLimits } from "../xml/xml-reader.ts";

/** Where a server takes components, and as which of them to come. */
export interface ComponentAddress {
  readonly host: string;
  readonly port: number;
  /** The component's JID. */
  readonly domain: string;
  readonly secret: string;
}

/** How a stream ended: no server, refused by it, or broken after it had been joined. */
export interface StreamEnd {
  readonly kind: "unreachable" | "refused" | "broken";
  /** A condition of XMPP (`not-authorized`), or what the system says (`ECONNREFUSED`). */
  readonly detail: string;
}

/** What comes of a {@link ComponentStream}. */
export interface StreamHandler {
  joined(): void;
  received(stanza: XmlNode): void;
  /** There is room again. */
  drained(): void;
  /** Nothing comes after this. */
  ended(end: StreamEnd): void;
}

/** From the connection to the handshake. */
const JOIN_MS = 10_000;
/** For the other side to close. */
const CLOSE_MS = 1000;
/**
 * Stanzas of anybody come by this one stream, and what is over its limits ends it for all: so these are above what servers
 * take from their clients and from each other (256 and 512 KiB, by default), and take what servers make of odd names.
 */
const LIMITS: XmlLimits = { characters: 4 * 1024 * 1024, depth: 100_000, canRebindXml: true };

/**
 * One connection as an external component (XEP-0114).
 *
 * ```
 *   connecting ── <stream:stream> ◄─► ── <handshake/> ──► joining ── <handshake/> ◄ ──► joined ──► ended
 *        └────────────────────────── unreachable, refused ───────────────────────────────────────────▲
 * ```
 */
export class ComponentStream implements XmlHandler {
  readonly #address: ComponentAddress;
  readonly #clock: Clock;
  readonly #handler: StreamHandler;
  readonly #socket: Socket;
  readonly #reader: XmlReader;
  readonly #cancelJoin: () => void;
  #isJoined = false;
  #isEnded = false;
  #end: StreamEnd | null = null;

  constructor(address: ComponentAddress, clock: Clock, handler: StreamHandler) {
    this.#address = address;
    this.#clock = clock;
    this.#handler = handler;
    this.#reader = new XmlReader(this, () => LIMITS, "stream");
    this.#cancelJoin = clock.after(JOIN_MS, () => this.fail("no-answer"));
    this.#socket = connect({ host: address.host, port: address.port, noDelay: true, keepAlive: true });
    this.#listen();
  }

  get hasRoom(): boolean {
    return this.#isJoined && !this.#isEnded && !this.#isBacklogged;
  }

  /** Sends whole stanzas. While the server does not take them, nothing is read from it either. */
  write(stanzas: readonly Buffer[]): void {
    if (!this.#socket.writable) return;
    const [only] = stanzas;
    this.#socket.write(stanzas.length === 1 && only !== undefined ? only : Buffer.concat(stanzas));
    if (this.#isBacklogged) this.#socket.pause();
  }

  /** Ends the stream in order, within a second. */
  leave(): void {
    this.#isEnded = true;
    if (!this.#socket.writable) return this.#socket.destroySoon();
    this.#socket.end("</stream:stream>");
    this.#socket.resume();
    const cancel = this.#clock.after(CLOSE_MS, () => this.#socket.destroy());
    this.#socket.once("close", cancel);
    return undefined;
  }

  /** Cuts the connection, for a reason of ours. */
  fail(detail: string): void {
    this.#end ??= { kind: this.#isJoined ? "broken" : "unreachable", detail };
    this.#socket.destroy();
  }

  // What the reader tells.

  opened(root: XmlNode): void {
    const id = root.attribute("id");
    if (!root.is("stream", NS.stream) || id === undefined) return this.#refused("invalid-xml");
    // XEP-0114 §3: the id as it came, then the secret.
    const proof = createHash("sha1")
      .update(id + this.#address.secret)
      .digest("hex");
    this.write([Buffer.from(createElement("handshake", {}, proof).toString())]);
    return undefined;
  }

  received(node: XmlNode): void {
    if (this.#isEnded) return;
    if (node.is("error", NS.stream)) {
      const condition = node.children.find(({ name, ns }) => ns === NS.streams && name !== "text");
      this.#refused(condition?.name ?? "undefined-condition");
    } else if (this.#isJoined) {
      this.#handler.received(node);
    } else if (node.is("handshake", NS.component)) {
      this.#isJoined = true;
      this.#cancelJoin();
      this.#handler.joined();
    }
  }

  closed(): void {
    this.#socket.end();
  }

  failed(fault: XmlFault): void {
    if (this.#socket.writable) this.#socket.end(`${streamError(fault).toString()}</stream:stream>`);
    this.#refused(fault);
  }

  get #isBacklogged(): boolean {
    return this.#socket.writableNeedDrain && this.#socket.writableLength > 0;
  }

  #listen(): void {
    const { domain } = this.#address;
    const socket = this.#socket;
    socket.once("connect", () => {
      const head = createElement("stream:stream", { xmlns: NS.component, "xmlns:stream": NS.stream, to: domain });
      socket.write(`<?xml version="1.0"?>${head.toString().replace(/\/>$/, ">")}`);
    });
    socket.on("data", (chunk: Buffer) => this.#reader.feed(chunk));
    socket.on("drain", () => {
      socket.resume();
      this.#handler.drained();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#end ??= { kind: this.#isJoined ? "broken" : "unreachable", detail: error.code ?? error.message };
    });
    socket.once("close", () => {
      this.#isEnded = true;
      this.#cancelJoin();
      this.#reader.stop();
      this.#handler.ended(this.#end ?? { kind: this.#isJoined ? "broken" : "refused", detail: "closed" });
    });
  }

  /** The server has said why, or has broken a rule. */
  #refused(detail: string): void {
    this.#end ??= { kind: this.#isJoined ? "broken" : "refused", detail };
    this.#isEnded = true;
    this.#socket.destroySoon();
  }
}
