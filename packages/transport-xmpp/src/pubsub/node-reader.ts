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
import { escapeXML } from "ltx";
import { itemsOf, type ItemCodecs } from "./item-codec.ts";
import type { Acknowledged, Ledger } from "../session/ledger.ts";
import { NS } from "../xml/namespaces.ts";
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
  /** Sends whole stanzas that the ledger knows already. Answers whether more may come at once. */
  deliver(stanzas: readonly Buffer[]): boolean;
  close(reason: CloseReason): void;
}

const END = Buffer.from("</message>");

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

  write(bytes: Buffer): boolean {
    const { ledger, messageHead } = this.#host;
    const stanzas: Buffer[] = [];
    let from = 0;
    for (const { end, position, time } of itemsOf(bytes)) {
      const tail = this.#isReplaying ? delay(time) : END;
      stanzas.push(joined(messageHead, bytes, from, end, tail));
      ledger.addItem(this, position);
      from = end;
    }
    return this.#host.deliver(stanzas);
  }

  gap({ after, resumedAt, reason }: Gap): boolean {
    const { ledger, messageHead, service } = this.#host;
    const event =
      ` type="headline" from="${service}" id="gap-${resumedAt}"><gap xmlns="${NS.sluice}" ` +
      `node="${escapeXML(this.stored.node)}" after="${after}" resumed-at="${resumedAt}" reason="${reason}"/>`;
    ledger.addItem(this, parseCursor(resumedAt).position);
    return this.#host.deliver([Buffer.concat([messageHead, Buffer.from(event), END])]);
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

function delay(time: string): Buffer {
  return Buffer.from(`<delay xmlns="${NS.delay}" stamp="${time}"/></message>`);
}

/** Head, a part of the body, tail. By hand, since this is done once per reader and event. */
function joined(head: Buffer, body: Buffer, from: number, to: number, tail: Buffer): Buffer {
  const whole = Buffer.allocUnsafe(head.length + to - from + tail.length);
  head.copy(whole, 0);
  body.copy(whole, head.length, from, to);
  tail.copy(whole, whole.length - tail.length);
  return whole;
}
