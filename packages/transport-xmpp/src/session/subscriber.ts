import { isGranted, parseFilter, type Filter, type Principal } from "@sluice/core";
import type { CutNode } from "./cut-stream.ts";
import type { Identity } from "../login/login.ts";
import { NodeReader, type ReaderHost } from "./node-reader.ts";
import type { PubSubClient } from "../pubsub/pubsub.ts";
import type { Shared } from "./shared.ts";
import type { StoredSubscription } from "../pubsub/subscription-store.ts";
import { StanzaError, toStanzaError } from "../xml/stanza.ts";

/** The name that a client got at bind. */
export interface ResourceName {
  readonly bare: string;
  readonly jid: string;
  /** Whether nobody can come back as this user, but by resuming. */
  readonly isAnonymous: boolean;
  /** Whether the resource is made up: nobody will come back under the full JID either. */
  readonly isPassing: boolean;
}

/** A bound client towards the service: its subscriptions, those of its bare JID and its own, and who reads them. */
export class Subscriber implements PubSubClient {
  readonly name: ResourceName;
  readonly #shared: Shared;
  readonly #identity: Identity;
  readonly #host: ReaderHost;
  /** By subscriber and node. */
  readonly #readers = new Map<string, NodeReader>();
  /** Whether what is for the bare JID is for this client too: it has sent presence. */
  #isAvailable = false;
  #isClosed = false;

  constructor(shared: Shared, name: ResourceName, identity: Identity, host: ReaderHost) {
    this.#shared = shared;
    this.name = name;
    this.#identity = identity;
    this.#host = host;
  }

  get principal(): Principal {
    return this.#identity.principal;
  }

  get isAvailable(): boolean {
    return this.#isAvailable;
  }

  get readers(): readonly NodeReader[] {
    return [...this.#readers.values()];
  }

  get subscriptions(): readonly StoredSubscription[] {
    const { bare, jid } = this.name;
    return [...this.#shared.store.of(bare), ...this.#shared.store.of(jid)];
  }

  async check(action: "read" | "publish", filters: readonly Filter[]): Promise<void> {
    const { principal, isWatched } = this.#identity;
    // `access` knows nothing of accounts: what theirs grants is said here.
    const open = isWatched ? filters : filters.filter((filter) => !isGranted(principal.grants[action], filter));
    if (open.length > 0) await this.#shared.access.check(principal, action, open);
  }

  subscribe(jid: string, filter: Filter): void {
    const { store, bus, limits } = this.#shared;
    // Cut while access was asked. Whoever goes on with the stream is told to ask again.
    if (this.#isClosed) throw new StanzaError("wait", "recipient-unavailable");
    const known = store.find(jid, filter.text);
    if (known !== undefined) return this.#reader(known, filter, known.cursor)?.start();
    if (this.subscriptions.length >= limits().subscriptions) {
      throw new StanzaError("wait", "policy-violation", "too-many-subscriptions");
    }
    const { bare, isAnonymous, isPassing } = this.name;
    const isLasting = jid === bare ? !isAnonymous : !isPassing;
    const stored = { jid, node: filter.text, cursor: bus.cursor, isLasting };
    store.add(stored);
    for (const one of jid === bare ? this.#siblings : [this]) {
      if (one === this || one.isAvailable) one.#reader(stored, filter, stored.cursor)?.startLive();
    }
  }

  unsubscribe(jid: string, node: string): boolean {
    const stored = this.#shared.store.find(jid, node);
    if (stored === undefined) return false;
    this.#shared.store.remove(stored);
    for (const sibling of this.#siblings) sibling.#drop(keyOf(stored));
    return true;
  }

  /**
   * The client has sent presence: all that is for it comes from where it left off. Not before: clients (Strophe) have no
   * handlers yet when they are bound, and would take note of what nobody reads.
   */
  async appear(): Promise<void> {
    if (this.#isAvailable) return;
    this.#isAvailable = true;
    await this.#readAll(this.subscriptions);
  }

  /** The client wants nothing any more that is for the bare JID. */
  disappear(): void {
    this.#isAvailable = false;
    for (const { stored } of this.readers) if (stored.jid === this.name.bare) this.#drop(keyOf(stored));
  }

  /** Reads on where a stream was cut, as far as the subscriptions are still there. */
  async resume(nodes: readonly CutNode[], isAvailable: boolean): Promise<void> {
    this.#isAvailable = isAvailable;
    const { store } = this.#shared;
    const reading = nodes.map(async ({ jid, node, cursor, isLasting }) => {
      if (!isLasting) store.add({ jid, node, cursor, isLasting });
      const stored = store.find(jid, node);
      // One of a bare JID can have been given up by another device.
      if (stored !== undefined) await this.#readOn(stored, cursor);
    });
    await Promise.all(reading);
    // The stream may have been cut before these had begun, or another device has subscribed meanwhile.
    if (isAvailable) await this.#readAll(this.subscriptions);
  }

  /** The client is gone. Subscriptions that nobody can come back to are too. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const reader of this.#readers.values()) reader.close();
    for (const stored of this.subscriptions) if (!stored.isLasting) this.#shared.store.remove(stored);
  }

  get #siblings(): readonly Subscriber[] {
    return this.#shared.sessions.of(this.name.bare);
  }

  /** All at once: it may be the app that is asked whether they are granted. */
  async #readAll(subscriptions: readonly StoredSubscription[]): Promise<void> {
    await Promise.all(subscriptions.map((stored) => this.#readOn(stored, stored.cursor)));
  }

  /** Reads a subscription of before, if it is still granted; one that isn't stays, and is silent. */
  async #readOn(stored: StoredSubscription, cursor: string): Promise<void> {
    const { store } = this.#shared;
    // Seen again, wherever its cursor is.
    store.moved(stored);
    store.reached(stored, cursor);
    const filter = parseFilter(stored.node);
    try {
      await this.check("read", [filter]);
      this.#reader(stored, filter, cursor)?.start();
    } catch (error) {
      if (toStanzaError(error) === null) throw error;
    }
  }

  /** A new reader of a subscription; `null` if it has one. */
  #reader(stored: StoredSubscription, filter: Filter, cursor: string): NodeReader | null {
    const key = keyOf(stored);
    if (this.#isClosed || this.#readers.has(key)) return null;
    const reader = new NodeReader(this.#shared, this.#host, stored, filter, cursor);
    this.#readers.set(key, reader);
    return reader;
  }

  #drop(key: string): void {
    this.#readers.get(key)?.close();
    this.#readers.delete(key);
  }
}

function keyOf({ jid, node }: StoredSubscription): string {
  return `${jid} ${node}`;
}
