import type { StoredEvent } from "./event.ts";
import type { Interest } from "./interest.ts";
import type { Codec, Meter } from "./transport.ts";

/** A live reader, as its audience sees it. */
export interface Member<Bytes> {
  /** Its place in the audience; the audience's own business. */
  slot: number;
  /** Everything up to here has been handed over. */
  readonly position: number;
  /** Hands bytes over; `false` takes the reader out of the audience. */
  deliver(bytes: Bytes, upTo: number): boolean;
}

/** Encodes what several audiences are to get, once per codec. Lives for one turn. */
export class Encodings {
  readonly #byCodec = new Map<Codec<unknown>, Map<string, unknown>>();

  /** The bytes of these events, made at most once. */
  of<Bytes>(codec: Codec<Bytes>, events: readonly StoredEvent[]): Bytes {
    let made = this.#byCodec.get(codec);
    if (made === undefined) {
      made = new Map();
      this.#byCodec.set(codec, made);
    }
    let key = "";
    for (const event of events) key += `${event.position},`;
    let bytes = made.get(key) as Bytes | undefined;
    if (bytes === undefined) {
      bytes = codec.encode(events);
      made.set(key, bytes);
    }
    return bytes;
  }
}

/** All live readers with the same interest and codec: they get the same bytes. */
export class Audience<Bytes> {
  readonly interest: Interest;
  readonly codec: Codec<Bytes>;
  readonly #members: Member<Bytes>[] = [];
  #pending: StoredEvent[] = [];
  /** Monotonic milliseconds at which the last flush ended, and what it took: leading-edge joining goes by them. */
  flushedAtMs: number = Number.NEGATIVE_INFINITY;
  flushTookMs = 0;

  constructor(interest: Interest, codec: Codec<Bytes>) {
    this.interest = interest;
    this.codec = codec;
  }

  get size(): number {
    return this.#members.length;
  }

  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  /** Takes a reader in. What is pending must have been flushed, and the reader be at the head. */
  add(member: Member<Bytes>): void {
    member.slot = this.#members.length;
    this.#members.push(member);
  }

  remove(member: Member<Bytes>): void {
    const { slot } = member;
    if (slot < 0) return;
    member.slot = -1;
    const last = this.#members.pop() as Member<Bytes>;
    if (last === member) return;
    this.#members[slot] = last;
    last.slot = slot;
  }

  /** An event for these readers; the next flush sends it. An event is taken once, however many clauses match. */
  push(event: StoredEvent): void {
    if (this.#pending.at(-1) !== event) this.#pending.push(event);
  }

  /**
   * Sends what is pending, in batches of up to `batchBytes`, each encoded once. `head` is the position up to which the
   * readers are then served.
   */
  flush(head: number, batchBytes: number, encodings: Encodings, meter: Meter, nowMs: number): void {
    const events = this.#pending;
    this.#pending = [];
    for (let from = 0; from < events.length && this.#members.length > 0;) {
      const to = endOfBatch(events, from, batchBytes);
      const batch = from === 0 && to === events.length ? events : events.slice(from, to);
      const bytes = encodings.of(this.codec, batch);
      const upTo = to === events.length ? head : (batch.at(-1) as StoredEvent).position;
      const readers = this.#write(bytes, upTo);
      const first = batch[0] as StoredEvent;
      const lagMs = first.receivedAtMs === 0 ? 0 : nowMs - first.receivedAtMs;
      meter.delivered(this.codec.transport, readers, batch.length, sizeOf(bytes), lagMs);
      from = to;
    }
  }

  #write(bytes: Bytes, upTo: number): number {
    let readers = 0;
    // Backwards, since a member that leaves is replaced by the last one, which then has been served already.
    for (let slot = this.#members.length - 1; slot >= 0; slot -= 1) {
      const member = this.#members[slot];
      if (member === undefined || member.position >= upTo) continue;
      readers += 1;
      if (!member.deliver(bytes, upTo)) this.remove(member);
    }
    return readers;
  }
}

function endOfBatch(events: readonly StoredEvent[], from: number, batchBytes: number): number {
  let bytes = 0;
  let to = from;
  while (to < events.length) {
    bytes += (events[to] as StoredEvent).jsonBytes;
    if (to > from && bytes > batchBytes) break;
    to += 1;
  }
  return to;
}

function sizeOf(bytes: unknown): number {
  return typeof bytes === "string" || bytes instanceof Uint8Array ? bytes.length : 0;
}
