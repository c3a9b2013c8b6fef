import type { Xml } from "./xml.ts";
import type { ReaderOptions } from "../reader-driver.ts";

/** What a wire tells. */
export interface WireEvents {
  /** A whole child of the stream: a stanza, or what a login is made of. */
  received(element: Xml): void;
  /** The gateway gives up on the client, and says why. */
  refused(refusal: Error): void;
  /** The connection is gone, and how. After it nothing comes. */
  ended(how: string): void;
}

/** One of the ways of XMPP to carry a stream. */
export interface Wire {
  /** Starts the stream; after a login once more. */
  open(): void;
  send(xml: string): void;
  /** Stops taking what the gateway sends. */
  pause(): void;
  resume(): void;
  /** Breaks off, without a goodbye. */
  cut(): void;
  /** Says goodbye, also after a cut where there is a way to; resolves when it is over. */
  close(): Promise<void>;
}

/** Makes one. @throws {Error} an {@link HttpRefusal}, or what the socket says */
export type OpenWire = (options: ReaderOptions, events: WireEvents) => Promise<Wire>;

export const DOMAIN = "localhost";
export const NS_STREAMS = "http://etherx.jabber.org/streams";
