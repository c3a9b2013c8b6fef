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
import { itemsOf } from "../pubsub/item-codec.ts";
import { gapStanza, itemStanza } from "../pubsub/item-stanza.ts";
import type { StoredSubscription } from "../pubsub/subscription-store.ts";
import type { Acknowledged } from "../session/ledger.ts";
import type { Device } from "./device.ts";
import type { ComponentShared } from "./shared.ts";
import type { Waiting } from "../pubsub/waiting-line.ts";

/** After the log could not be read. */
const RETRY_MS = 5000;

/**
 * One node for one device. It never holds an event: what there is no room for is read from the log again, from behind the
 * last item that was handed over.
 *
 * ```
 *   waiting in line ── turn() ──► replaying ── head reached ──► live
 *         ▲                           │ no room                   │
 *         └───────────────────────────┴───────────────────────────┘
 * ```
 */
export class DeviceReader implements Sink<Buffer>, Acknowledged, Waiting {
  readonly codec: Codec<Buffer>;
  readonly stored: StoredSubscription;
  readonly #filter: Filter;
  readonly #shared: ComponentShared;
  readonly #device: Device;
  #subscription: Subscription<Buffer> | null = null;
  /** Up to here everything was handed over. */
  #handed: string;
  #confirmed = 0;
  #isReplaying = false;
  #isSilent = false;
  #isResting = false;
  #isClosed = false;
  #cancelRetry: (() => void) | null = null;

  constructor(shared: ComponentShared, device: Device, stored: StoredSubscription, filter: Filter) {
    this.#shared = shared;
    this.#device = device;
    this.stored = stored;
    this.#filter = filter;
    this.#handed = stored.cursor;
    this.codec = shared.codecs.take(stored.node);
  }

  /** Begins with what is new: the subscription is. */
  startLive(): void {
    this.#subscribe("latest");
  }

  /** Begins behind the subscription's cursor, when its turn comes. */
  start(): void {
    this.#shared.line.add(this);
  }

  turn(): void {
    if (this.#isClosed || this.#isResting) this.#shared.line.done(this);
    else if (!this.#device.mayRead(this.#filter)) this.#fallSilent();
    else if (this.#device.hasRoom) this.#subscribe({ cursor: this.#handed });
    else this.#leave();
  }

  /** Whether it has ended since what it reads is not granted any more. */
  get isSilent(): boolean {
    return this.#isSilent;
  }

  /** Whether the device is known to have what is at a position. */
  hasConfirmed(position: number): boolean {
    return this.#confirmed >= position;
  }

  write(bytes: Buffer): boolean {
    const device = this.#device;
    if (!device.mayRead(this.#filter)) return this.#fallSilent();
    const stanzas: Buffer[] = [];
    let from = 0;
    for (const { end, position, time } of itemsOf(bytes)) {
      // Of a batch for ten thousand readers of one link a few find room. What is not taken is read again.
      if (!device.hasRoomAfter(stanzas.length, from)) break;
      stanzas.push(itemStanza(device.messageHead, bytes, from, end, this.#isReplaying ? time : null));
      this.#handOver(position);
      from = end;
    }
    if (stanzas.length > 0) device.send(stanzas);
    return (from === bytes.length && device.hasRoom) || this.#leave();
  }

  gap(gap: Gap): boolean {
    const device = this.#device;
    if (!device.mayRead(this.#filter)) return this.#fallSilent();
    this.#handOver(parseCursor(gap.resumedAt).position);
    device.send([gapStanza(device.messageHead, this.#shared.service, this.stored.node, gap)]);
    return device.hasRoom || this.#leave();
  }

  acknowledged(position: number): void {
    if (this.#isClosed) return;
    this.#confirmed = position;
    this.#shared.store.reached(this.stored, this.#shared.bus.cursorAt(position));
  }

  /** Ends; by the bus with a reason: the log could not be read. */
  close(reason?: CloseReason): void {
    if (this.#isClosed) return;
    if (reason !== undefined) {
      this.#shared.line.done(this);
      this.#cancelRetry = this.#shared.clock.after(RETRY_MS, () => this.start());
      return;
    }
    this.#isClosed = true;
    this.#cancelRetry?.();
    this.#subscription?.close();
    this.#shared.codecs.giveBack(this.stored.node);
    this.#shared.line.done(this);
  }

  /** Hands over nothing more; what was can still be confirmed. */
  rest(): void {
    this.#isResting = true;
    this.#cancelRetry?.();
    this.#subscription?.close();
    this.#shared.line.done(this);
  }

  #subscribe(start: Start): void {
    const { bus, line } = this.#shared;
    this.#subscription?.close();
    this.#subscription = bus.subscribe(this);
    this.#isReplaying = start !== "latest";
    const observer: ReplayObserver = {
      gap: (gap) => this.gap(gap),
      live: () => {
        this.#isReplaying = false;
        line.done(this);
        return true;
      },
    };
    this.#subscription.extend([this.#filter], [], start, start === "latest" ? {} : { observer });
  }

  #handOver(position: number): void {
    this.#handed = this.#shared.bus.cursorAt(position);
    this.#device.ledger.addItem(this, position);
  }

  #fallSilent(): false {
    this.#isSilent = true;
    this.#shared.line.done(this);
    return false;
  }

  #leave(): false {
    this.#device.leftBehind(this);
    return false;
  }
}
