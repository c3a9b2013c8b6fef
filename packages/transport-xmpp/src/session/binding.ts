import { randomBytes } from "node:crypto";
import { Ledger } from "./ledger.ts";
import type { NodeReader } from "../pubsub/node-reader.ts";

/** What belongs to a bound resource and outlives its connection: it can be taken over by the next one (XEP-0198). */
export class Binding {
  readonly bare: string;
  readonly jid: string;
  /** Whether nobody can come back as this user, but by resuming. */
  readonly isAnonymous: boolean;
  /** Whether the resource is made up: nobody will come back under the full JID either. */
  readonly isPassing: boolean;
  readonly ledger: Ledger = new Ledger();
  /** By subscriber and node. */
  readonly readers: Map<string, NodeReader> = new Map();
  isAvailable = false;
  /** By which the stream can be resumed; `null` if it can't. */
  resumption: string | null = null;
  /** Whether stream management is on. */
  isManaged = false;
  /** Stanzas sent before stream management was on. */
  base = 0;
  /** Stanzas that the client has sent since. */
  received = 0;

  /** @param resource `null`: any */
  constructor(bare: string, resource: string | null, isAnonymous: boolean) {
    this.bare = bare;
    this.isPassing = isAnonymous || resource === null;
    this.jid = `${bare}/${resource ?? randomBytes(9).toString("base64url")}`;
    this.isAnonymous = isAnonymous;
  }

  /** How many of the client's own count our number is. XEP-0198 counts up to 2^32. */
  numberOf(h: number): number {
    const count = this.ledger.acknowledged - this.base;
    const wraps = Math.floor(Math.max(0, count) / 2 ** 32);
    return this.base + wraps * 2 ** 32 + h;
  }
}

/** The key of a reader. */
export function readerKey(jid: string, node: string): string {
  return `${jid} ${node}`;
}
