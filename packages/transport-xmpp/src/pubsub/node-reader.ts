import {
  parseCursor,
  type Bus,
  type CloseReason,
  type Codec,
  type Filter,
  type Gap,
  type ReplayObserver,
  type Sink,
  type Start,
  type Subscription,
} from "@sluice/core";
import { itemsOf, type ItemCodecs } from "./item-codec.ts";
import { gapStanza } from "./item-stanza.ts";
import type { Acknowledged, Ledger } from "../session/ledger.ts";
import type { StoredSubscription, SubscriptionStore } from "./subscription-store.ts";

/** What a reader needs of the session that it belongs to. */
export interface ReaderHost {
  readonly bus: Bus;
  readonly codecs: ItemCodecs;
  readonly store: SubscriptionStore;
  readonly ledger: Ledger;
  readonly service: string;
  /** `<message to="…"`, as far as it is the same for all that the session gets. */
  readonly messageHead: Buffer;
  /** Sends items that a codec encoded and the ledger knows already. Answers whether more may come at once. */
  deliver(items: Buffer, isLate: boolean): boolean;
  /** The same for a whole stanza. */
  tell(stanza: Buffer): boolean;
  close(reason: CloseReason): void;
}

/** One node on one stream: what the bus hands over becomes messages, and the ledger knows how far they went. */
export class NodeReader implements Sink<Buffer>, Acknowledged {
  readonly codec: Codec<Buffer>;
  readonly stored: StoredSubscription;
  readonly filter: Filter;
  readonly #host: ReaderHost;
  readonly #subscription: Subscription<Buffer>;
  /** What this stream has acknowledged: another device of the same user may be further. */
  #cursor: string;
  #isReplaying = false;
  #isClosed = false;

  constructor(host: ReaderHost, stored: StoredSubscription, filter: Filter, cursor: string = stored.cursor) {
    this.#host = host;
    this.stored = stored;
    this.filter = filter;
    this.#cursor = cursor;
    this.codec = host.codecs.take(stored.node);
    this.#subscription = host.bus.subscribe(this);
  }

  /** Where the stream would have to be resumed. */
  get cursor(): string {
    return this.#cursor;
  }

  /** Begins behind the subscription's cursor, or with what is new. */
  start(start: Start): void {
    this.#isReplaying = start !== "latest";
    const observer: ReplayObserver = {
      gap: (gap) => this.gap(gap),
      live: () => {
        this.#isReplaying = false;
        return true;
      },
    };
    this.#subscription.extend([this.filter], [], start, start === "latest" ? {} : { observer });
  }

  write(items: Buffer): boolean {
    for (const { position } of itemsOf(items)) this.#host.ledger.addItem(this, position);
    return this.#host.deliver(items, this.#isReplaying);
  }

  gap(gap: Gap): boolean {
    const { ledger, messageHead, service } = this.#host;
    ledger.addItem(this, parseCursor(gap.resumedAt).position);
    return this.#host.tell(gapStanza(messageHead, service, this.stored.node, gap));
  }

  acknowledged(position: number): void {
    const { bus, store } = this.#host;
    this.#cursor = bus.cursorAt(position);
    store.reached(this.stored, this.#cursor);
  }

  /** There is room again. */
  resume(): void {
    this.#subscription.resume();
  }

  /** Ends; by the bus, with a reason that is the whole stream's. Idempotent. */
  close(reason?: CloseReason): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#subscription.close();
    this.#host.codecs.giveBack(this.stored.node);
    if (reason !== undefined) this.#host.close(reason);
  }
}
