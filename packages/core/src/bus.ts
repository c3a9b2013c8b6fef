import { Audience, Encodings, type Member } from "./audience.ts";
import { systemClock, type Clock } from "./clock.ts";
import { CLOSE_REASONS, type CloseReason } from "./close-reason.ts";
import { formatCursor, parseCursor } from "./cursor.ts";
import { errorFields } from "./errors.ts";
import type { EventDraft, StoredEvent } from "./event.ts";
import type { Appended, EventLog, Page } from "./event-log.ts";
import type { Gap } from "./gap.ts";
import type { Interest } from "./interest.ts";
import { Joiner } from "./joiner.ts";
import { RecentPages } from "./recent-pages.ts";
import type { Start } from "./replay.ts";
import { Subscription, type SubscriptionHost } from "./subscription.ts";
import { TopicIndex } from "./topic-index.ts";
import { silentMeter, type Codec, type Logger, type Meter, type Sink } from "./transport.ts";
import { Window, type WindowLimits } from "./window.ts";

/** Options of a {@link Bus}. */
export interface BusOptions {
  readonly log: EventLog;
  readonly clock?: Clock;
  readonly meter?: Meter;
  readonly logger?: Logger;
  /** Bounds of the events kept in memory. */
  readonly window?: WindowLimits;
  /** Bytes of one batch at the most (an event larger than that goes alone): what a slow reader may cost. */
  readonly batchBytes?: number;
  /** The longest time that an event waits to be joined with others; 0 never. */
  readonly joinMs?: number;
}

/** What a reader that comes, asks and goes is given. */
export interface ReadPage {
  readonly events: readonly StoredEvent[];
  /** Where the next read goes on. */
  readonly cursor: string;
  readonly gap: Gap | null;
  /** Whether that was all, when it was read: else the next read goes on at once. */
  readonly isCaughtUp: boolean;
}

/** A read that is not done with its first page. */
interface Begun {
  readonly after: number;
  readonly gap: Gap | null;
  readonly page: Page | Promise<Page>;
}

const WINDOW: WindowLimits = { events: 50_000, bytes: 16 * 1024 * 1024 };
const BATCH_BYTES = 64 * 1024;
/**
 * Bytes of a page for a reader that asks and goes: what one event of the default limit may take. More than a batch,
 * since a client that asks for 1000 small events expects 1000.
 */
const PAGE_BYTES = 256 * 1024;
const JOIN_MS = 10;

/** All that transports see: publish, read, subscribe. Fans out what the log has made durable. */
export class Bus implements SubscriptionHost {
  readonly #log: EventLog;
  readonly #clock: Clock;
  readonly #meter: Meter;
  readonly #logger: Logger | undefined;
  #batchBytes: number;
  readonly #window: Window;
  readonly #index = new TopicIndex<Audience<unknown>>();
  readonly #audiences = new Map<Codec<unknown>, Map<string, Audience<unknown>>>();
  readonly #touched = new Set<Audience<unknown>>();
  readonly #joiner: Joiner;
  readonly #pages = new RecentPages();
  readonly #untail: () => void;
  #head: number;

  constructor(options: BusOptions) {
    this.#log = options.log;
    this.#clock = options.clock ?? systemClock;
    this.#meter = options.meter ?? silentMeter;
    this.#logger = options.logger;
    this.#batchBytes = options.batchBytes ?? BATCH_BYTES;
    this.#head = this.#log.bounds().newest;
    this.#window = new Window(options.window ?? WINDOW, this.#head);
    this.#joiner = new Joiner(this.#clock, options.joinMs ?? JOIN_MS, (audience) => this.flush(audience));
    this.#untail = this.#log.tail((batch) => this.#fanOut(batch));
  }

  /** Position of the newest event that has been fanned out. */
  get head(): number {
    return this.#head;
  }

  /** Cursor of {@link head}. */
  get cursor(): string {
    return formatCursor(this.#log.epoch, this.#head);
  }

  /** Takes a new bound for batches; those under way keep the old one. */
  setBatchBytes(batchBytes: number): void {
    this.#batchBytes = batchBytes;
  }

  /** Whether the log takes events. */
  get isWritable(): boolean {
    return this.#log.isWritable;
  }

  /** How many audiences there are now. */
  get audienceCount(): number {
    let count = 0;
    for (const audiences of this.#audiences.values()) count += audiences.size;
    return count;
  }

  /** The text of a position in this log. */
  cursorAt(position: number): string {
    return formatCursor(this.#log.epoch, position);
  }

  /**
   * Appends events that have been checked; resolves when they are durable.
   * @throws {SluiceError} `log-unavailable`
   */
  publish(drafts: readonly EventDraft[]): Promise<readonly Appended[]> {
    return this.#log.append(drafts);
  }

  /**
   * A page for a reader that comes, asks and goes; at once if the window has it, as for most who poll.
   * @throws {SluiceError} `invalid-cursor`
   */
  read(interest: Interest, start: Start, limit: number): ReadPage | Promise<ReadPage> {
    const { after, gap } = this.resolve(start);
    if (typeof start === "object" && "last" in start) return this.#readLast(interest, start.last, limit);
    const page = this.page(interest, after, limit, PAGE_BYTES);
    const isDone = !(page instanceof Promise) && !isPassing(page) && page.gapUntil === null;
    if (!isDone) return this.#readOn(interest, start, limit, { after, gap, page });
    return { events: page.events, cursor: this.cursorAt(page.position), gap, isCaughtUp: page.isCaughtUp };
  }

  /** A reader that stays. It has no topics yet: see {@link Subscription.extend}. */
  subscribe<Bytes>(sink: Sink<Bytes>): Subscription<Bytes> {
    return new Subscription(this, sink);
  }

  /** Lets go of the log (which it does not close); readers get nothing more. */
  close(): void {
    this.#untail();
    this.#joiner.close();
  }

  // The rest serves subscriptions.

  page(interest: Interest, after: number, limit: number, limitBytes: number = this.#batchBytes): Page | Promise<Page> {
    this.#window.trimThrough(this.#log.bounds().trimmedThrough);
    if (after >= this.#window.from) {
      return { ...this.#window.read(interest, after, limit, limitBytes), gapUntil: null };
    }
    const query = { interest, after, limit, limitBytes };
    return this.#log.read(query).then((page) => this.#upToHead(page));
  }

  lastPage(interest: Interest, count: number, upTo: number): Page | Promise<Page> {
    const { trimmedThrough } = this.#log.bounds();
    this.#window.trimThrough(trimmedThrough);
    const { events, isComplete } = this.#window.readLast(interest, count, upTo);
    if (!isComplete || events.length >= count || this.#window.from <= trimmedThrough) {
      return { events, position: upTo, isCaughtUp: upTo >= this.#head, gapUntil: null };
    }
    return this.#log.readLast(interest, count, upTo);
  }

  resolve(start: Start): { readonly after: number; readonly gap: Gap | null } {
    if (start === "latest") return { after: this.#head, gap: null };
    const { trimmedThrough } = this.#log.bounds();
    if (start === "earliest") return { after: trimmedThrough, gap: null };
    if ("last" in start) return { after: this.#head, gap: null };
    const { epoch, position } = parseCursor(start.cursor);
    // A position that this log never gave is of another one too: one that was put back from a copy, say.
    if (epoch === this.#log.epoch && position <= this.#head) return { after: position, gap: null };
    const gap: Gap = { after: start.cursor, resumedAt: this.cursorAt(trimmedThrough), reason: "reset" };
    return { after: trimmedThrough, gap };
  }

  gapFrom(after: number, until: number): Gap {
    return { after: this.cursorAt(after), resumedAt: this.cursorAt(until), reason: "expired" };
  }

  intern(interest: Interest, sink: Sink<unknown>): Interest {
    return this.#audiences.get(sink.codec)?.get(interest.key)?.interest ?? interest;
  }

  join<Bytes>(interest: Interest, member: Member<Bytes>, sink: Sink<Bytes>): Audience<Bytes> {
    let audiences = this.#audiences.get(sink.codec);
    if (audiences === undefined) {
      audiences = new Map();
      this.#audiences.set(sink.codec, audiences);
    }
    let audience = audiences.get(interest.key) as Audience<Bytes> | undefined;
    if (audience === undefined) {
      audience = new Audience(interest, sink.codec);
      audiences.set(interest.key, audience);
      this.#index.add(interest, audience);
    } else if (audience.hasPending) {
      this.flush(audience, false);
    }
    audience.add(member);
    return audience;
  }

  leave<Bytes>(audience: Audience<Bytes>, member: Member<Bytes>): void {
    audience.remove(member);
    this.#dismissIfEmpty(audience);
  }

  /** Sends what an audience is to get. One that is empty then is given up, unless somebody is about to join it. */
  flush<Bytes>(audience: Audience<Bytes>, mayDismiss = true): void {
    this.#flush(audience, new Encodings(), mayDismiss);
  }

  encode<Bytes>(sink: Sink<Bytes>, events: readonly StoredEvent[]): Bytes {
    return this.#pages.encode(sink.codec, events);
  }

  sent(sink: Sink<unknown>, events: readonly StoredEvent[], bytes: unknown): void {
    const size = typeof bytes === "string" || bytes instanceof Uint8Array ? bytes.length : 0;
    this.#meter.delivered(sink.codec.transport, 1, events.length, size, 0);
  }

  gapTold(sink: Sink<unknown>, gap: Gap): void {
    this.#meter.gapTold(sink.codec.transport, gap.reason);
  }

  leftBehind(sink: Sink<unknown>): void {
    this.#meter.leftBehind(sink.codec.transport);
  }

  failed(error: unknown): CloseReason {
    this.#logger?.error(errorFields(error), "a reader could not be served from the log, and has to come again");
    return CLOSE_REASONS.internal;
  }

  /** As many of the newest `count` as a page holds; the others come behind its cursor. */
  async #readLast(interest: Interest, count: number, limit: number): Promise<ReadPage> {
    const head = this.#head;
    const { events: newest } = await this.lastPage(interest, count, head);
    const events = newest.slice(0, pageLength(newest, limit));
    const isCaughtUp = events.length === newest.length;
    const position = isCaughtUp ? head : (events.at(-1) as StoredEvent).position;
    return { events, cursor: this.cursorAt(position), gap: null, isCaughtUp };
  }

  /** Reads until there is something, or the head is reached. */
  async #readOn(interest: Interest, start: Start, limit: number, begun: Begun): Promise<ReadPage> {
    const { after } = begun;
    let page = await begun.page;
    let gap = begun.gap ?? (start !== "earliest" && page.gapUntil !== null ? this.gapFrom(after, page.gapUntil) : null);
    while (isPassing(page)) {
      page = await this.page(interest, page.position, limit, PAGE_BYTES);
      if (gap === null && page.gapUntil !== null) gap = this.gapFrom(after, page.gapUntil);
    }
    return { events: page.events, cursor: this.cursorAt(page.position), gap, isCaughtUp: page.isCaughtUp };
  }

  /** The way of a batch: matched to audiences, then sent to each at once or joined with what follows within milliseconds. */
  #fanOut(batch: readonly StoredEvent[]): void {
    this.#window.add(batch);
    for (const event of batch) {
      this.#head = event.position;
      this.#index.match(event.topic, event.type, (audience) => {
        audience.push(event);
        this.#touched.add(audience);
      });
    }
    const encodings = new Encodings();
    for (const audience of this.#touched) {
      if (this.#joiner.isDue(audience)) this.#flush(audience, encodings, true);
      else this.#joiner.add(audience);
    }
    this.#touched.clear();
  }

  #flush(audience: Audience<unknown>, encodings: Encodings, mayDismiss: boolean): void {
    const startedAtMs = this.#clock.monotonic();
    audience.flush(this.#head, this.#batchBytes, encodings, this.#meter, startedAtMs);
    audience.flushedAtMs = this.#clock.monotonic();
    audience.flushTookMs = audience.flushedAtMs - startedAtMs;
    if (mayDismiss) this.#dismissIfEmpty(audience);
  }

  #dismissIfEmpty(audience: Audience<unknown>): void {
    if (audience.size > 0) return;
    const audiences = this.#audiences.get(audience.codec);
    if (audiences?.get(audience.interest.key) !== audience) return;
    audiences.delete(audience.interest.key);
    this.#index.remove(audience.interest, audience);
  }

  /** The log may know more than has been fanned out: that is left to the tail, so that nobody gets it twice. */
  #upToHead(page: Page): Page {
    if (page.position <= this.#head) return page;
    const events = page.events.filter((event) => event.position <= this.#head);
    return { ...page, events, position: this.#head, isCaughtUp: true };
  }
}

/** Whether a page has nothing, and more is to be looked at. */
function isPassing(page: Page): boolean {
  return page.events.length === 0 && !page.isCaughtUp;
}

/** How many of the events, from the first, one page holds. */
function pageLength(events: readonly StoredEvent[], limit: number): number {
  let bytes = 0;
  const full = events.slice(0, limit).findIndex(({ jsonBytes }) => (bytes += jsonBytes) >= PAGE_BYTES);
  return full === -1 ? Math.min(limit, events.length) : full + 1;
}
