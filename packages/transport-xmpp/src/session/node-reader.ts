import {
  parseCursor,
  type CloseReason,
  type Codec,
  type Filter,
  type Gap,
  type ReplayObserver,
  type Sink,
  type Start,
  type Subscription,
} from "@sluice/core";
import { itemsOf, type Item } from "../pubsub/item-codec.ts";
import { gapStanza } from "../pubsub/item-stanza.ts";
import type { StoredSubscription } from "../pubsub/subscription-store.ts";
import type { Waiting, WaitingLine } from "../pubsub/waiting-line.ts";
import type { Acknowledged, Ledger } from "./ledger.ts";
import type { Shared } from "./shared.ts";

/** What a reader needs of the session that it belongs to. */
export interface ReaderHost {
  readonly ledger: Ledger;
  readonly line: WaitingLine;
  /** `<message to="…"`, as far as it is the same for all that the session gets. */
  readonly messageHead: Buffer;
  /** Whether items are taken now. */
  readonly hasRoom: boolean;
  /** Sends items that a codec encoded and the ledger knows already. Answers whether more may come at once. */
  deliver(items: Buffer, isLate: boolean): boolean;
  /** The same for a whole stanza. */
  tell(stanza: Buffer): boolean;
  close(reason: CloseReason): void;
}

/**
 * One node on one stream: what the bus hands over becomes messages, and the ledger knows how far they went. What there is
 * no room for is not kept but read again, so that a stream of a hundred nodes holds no more than one of one.
 *
 * ```
 *   in line ── turn() ──► replaying ── head reached ──► live
 *      ▲                      │ no room                   │
 *      └──────────────────────┴───────────────────────────┘
 * ```
 */
export class NodeReader implements Sink<Buffer>, Acknowledged, Waiting {
  readonly codec: Codec<Buffer>;
  readonly stored: StoredSubscription;
  readonly filter: Filter;
  readonly #shared: Shared;
  readonly #host: ReaderHost;
  #subscription: Subscription<Buffer> | null = null;
  /** What this stream has acknowledged: another device of the same user may be further. */
  #cursor: string;
  /** Up to here everything has been sent, if anything has. */
  #sentTo: number | null = null;
  #isReplaying = false;
  #isClosed = false;

  /** @param cursor behind which it begins */
  constructor(shared: Shared, host: ReaderHost, stored: StoredSubscription, filter: Filter, cursor: string) {
    this.#shared = shared;
    this.#host = host;
    this.stored = stored;
    this.filter = filter;
    this.#cursor = cursor;
    this.codec = shared.codecs.take(stored.node);
  }

  /** Where the stream would have to be resumed. */
  get cursor(): string {
    return this.#cursor;
  }

  /** Begins with what is new: the cursor is that of now. */
  startLive(): void {
    this.#subscribe("latest");
  }

  /** Begins behind the cursor, when its turn comes. */
  start(): void {
    this.#host.line.add(this);
  }

  turn(): void {
    if (this.#isClosed) return this.#host.line.done(this);
    const { bus } = this.#shared;
    return this.#subscribe({ cursor: this.#sentTo === null ? this.#cursor : bus.cursorAt(this.#sentTo) });
  }

  write(items: Buffer): boolean {
    const { hasRoom, ledger } = this.#host;
    if (!hasRoom) return this.#leave();
    const parts = itemsOf(items);
    for (const { position } of parts) ledger.addItem(this, position);
    this.#sentTo = (parts.at(-1) as Item).position;
    return this.#host.deliver(items, this.#isReplaying) || this.#leave();
  }

  gap(gap: Gap): boolean {
    const { hasRoom, ledger, messageHead } = this.#host;
    if (!hasRoom) return this.#leave();
    const { position } = parseCursor(gap.resumedAt);
    ledger.addItem(this, position);
    this.#sentTo = position;
    return this.#host.tell(gapStanza(messageHead, this.#shared.service, this.stored.node, gap)) || this.#leave();
  }

  acknowledged(position: number): void {
    const { bus, store } = this.#shared;
    this.#cursor = bus.cursorAt(position);
    store.reached(this.stored, this.#cursor);
  }

  /** Ends; by the bus, with a reason that is the whole stream's. Idempotent. */
  close(reason?: CloseReason): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#subscription?.close();
    this.#host.line.done(this);
    this.#shared.codecs.giveBack(this.stored.node);
    if (reason !== undefined) this.#host.close(reason);
  }

  #subscribe(start: Start): void {
    const subscription = this.#shared.bus.subscribe(this);
    this.#subscription = subscription;
    this.#isReplaying = start !== "latest";
    const observer: ReplayObserver = {
      gap: (gap) => this.gap(gap),
      live: () => {
        this.#isReplaying = false;
        this.#host.line.done(this);
        return true;
      },
    };
    subscription.extend([this.filter], [], start, start === "latest" ? {} : { observer });
  }

  #leave(): false {
    this.#subscription?.close();
    if (this.#isClosed) return false;
    this.#shared.meter.leftBehind("xmpp");
    this.#host.line.add(this);
    return false;
  }
}
