import { systemClock, type Clock } from "./clock.ts";
import { newEpoch } from "./cursor.ts";
import { SluiceError } from "./errors.ts";
import { StoredEvent, type EventDraft } from "./event.ts";
import type { Appended, Bounds, EventLog, Page, ReadQuery, Retention } from "./event-log.ts";
import type { Interest } from "./interest.ts";
import { TrimmedTopics } from "./trimmed-topics.ts";
import { Window } from "./window.ts";

/** Options of {@link MemoryLog}. */
export interface MemoryLogOptions {
  readonly retention: Retention;
  /** How long a repeated id is recognised; 0 never. */
  readonly deduplicationMs: number;
  readonly clock?: Clock;
}

/** How often age is looked at. */
const TRIM_EVERY_MS = 1000;
/** Ids remembered at the most: with more than that inside the window, the oldest are forgotten. */
const MAX_REMEMBERED_IDS = 1_000_000;

/** Events that a page looks at before others get their turn. */
const SCAN_EVENTS = 20_000;
/** Places of past arrivals at the front of their array that are worth moving the rest for. */
const COMPACT_AT = 1024;

interface Remembered {
  readonly position: number;
  readonly atMs: number;
}

/** A log that lives as long as its process: a ring bounded by age, count and bytes. A new one has a new epoch. */
export class MemoryLog implements EventLog {
  readonly epoch: string;
  readonly restarts: number = 0;
  readonly #clock: Clock;
  readonly #deduplicationMs: number;
  readonly #ring: Window;
  readonly #trimmed = new TrimmedTopics();
  readonly #remembered = new Map<string, Remembered>();
  readonly #listeners = new Set<(batch: readonly StoredEvent[]) => void>();
  readonly #stopTrimming: () => void;
  /** When each retained event came, in order: of every append, where it begins. Those before `#oldestArrival` are over. */
  #arrivals: { readonly position: number; readonly atMs: number }[] = [];
  #oldestArrival = 0;
  #retention: Retention;
  #isClosed = false;

  constructor(options: MemoryLogOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#retention = options.retention;
    this.#deduplicationMs = options.deduplicationMs;
    this.epoch = newEpoch(this.#clock.now(), this.#clock.random());
    this.#ring = new Window({ events: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY }, 0);
    this.#stopTrimming = this.#clock.every(TRIM_EVERY_MS, () => {
      this.#trim();
      this.#forgetIds(this.#clock.monotonic());
    });
  }

  get isWritable(): boolean {
    return !this.#isClosed;
  }

  append(drafts: readonly EventDraft[]): Promise<readonly Appended[]> {
    if (this.#isClosed)
      return Promise.reject(new SluiceError("log-unavailable", "The log is closed.", { retryAfterSeconds: 1 }));
    const nowMs = this.#clock.monotonic();
    const batch: StoredEvent[] = [];
    const appended: Appended[] = [];
    for (const draft of drafts) {
      const key = `${draft.topic} ${draft.id}`;
      const known = this.#deduplicationMs > 0 ? this.#remembered.get(key) : undefined;
      if (known !== undefined && nowMs - known.atMs < this.#deduplicationMs) {
        appended.push({ id: draft.id, position: known.position, isDuplicate: true });
        continue;
      }
      const position = this.#ring.newest + batch.length + 1;
      batch.push(new StoredEvent({ ...draft, epoch: this.epoch, position }));
      appended.push({ id: draft.id, position, isDuplicate: false });
      if (this.#deduplicationMs <= 0) continue;
      // Put in anew, so that the oldest come first.
      if (known !== undefined) this.#remembered.delete(key);
      this.#remembered.set(key, { position, atMs: nowMs });
    }
    if (this.#remembered.size > MAX_REMEMBERED_IDS) this.#forgetIds(nowMs);
    const first = batch[0];
    if (first !== undefined) {
      this.#ring.add(batch);
      this.#arrivals.push({ position: first.position, atMs: nowMs });
      this.#trim();
      for (const listener of this.#listeners) tell(listener, batch);
    }
    return Promise.resolve(appended);
  }

  async read(query: ReadQuery): Promise<Page> {
    const { interest, limit, limitBytes } = query;
    const gapUntil = this.#trimmed.hasGap(interest, query.after) ? this.#ring.from : null;
    const after = Math.max(query.after, this.#ring.from);
    const page = this.#ring.read(interest, after, limit, limitBytes, SCAN_EVENTS);
    // A reader of little who is far behind goes through many such pages: sockets are looked after in between.
    if (page.events.length === 0 && !page.isCaughtUp) await new Promise((resolve) => setImmediate(resolve));
    return { ...page, gapUntil };
  }

  readLast(interest: Interest, count: number, upTo: number): Promise<Page> {
    const { events } = this.#ring.readLast(interest, count, upTo);
    return Promise.resolve({ events, position: upTo, isCaughtUp: upTo >= this.#ring.newest, gapUntil: null });
  }

  tail(listener: (batch: readonly StoredEvent[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  bounds(): Bounds {
    return { trimmedThrough: this.#ring.from, newest: this.#ring.newest };
  }

  setRetention(retention: Retention): void {
    this.#retention = retention;
    this.#trim();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#stopTrimming();
    this.#listeners.clear();
    return Promise.resolve();
  }

  #trim(): void {
    const { ageMs, events, bytes } = this.#retention;
    const note = (event: StoredEvent): void => this.#trimmed.add(event.topic, event.type, event.position);
    while (this.#ring.size > events || (this.#ring.bytes > bytes && this.#ring.size > 0)) this.#ring.dropOldest(note);
    const horizonMs = this.#clock.monotonic() - ageMs;
    const oldest = (): { readonly position: number; readonly atMs: number } | undefined =>
      this.#arrivals[this.#oldestArrival];
    let hasExpired = false;
    while ((oldest()?.atMs ?? Number.POSITIVE_INFINITY) < horizonMs) {
      this.#oldestArrival += 1;
      hasExpired = true;
    }
    if (hasExpired) this.#ring.trimThrough((oldest()?.position ?? this.#ring.newest + 1) - 1, note);
    // An append is over when the next one begins right behind what was trimmed, or before.
    while ((this.#arrivals[this.#oldestArrival + 1]?.position ?? Number.POSITIVE_INFINITY) <= this.#ring.from + 1) {
      this.#oldestArrival += 1;
    }
    if (this.#oldestArrival >= COMPACT_AT && this.#oldestArrival * 2 >= this.#arrivals.length) {
      this.#arrivals = this.#arrivals.slice(this.#oldestArrival);
      this.#oldestArrival = 0;
    }
  }

  /** Many at a time: to take the oldest entries of a Map out one by one gets slow, since it passes over all taken out before. */
  #forgetIds(nowMs: number): void {
    let surplus = this.#remembered.size - MAX_REMEMBERED_IDS;
    if (surplus > 0) surplus += MAX_REMEMBERED_IDS / 16;
    for (const [key, { atMs }] of this.#remembered) {
      if (surplus <= 0 && nowMs - atMs < this.#deduplicationMs) break;
      this.#remembered.delete(key);
      surplus -= 1;
    }
  }
}

/** What was appended is in the log whatever a listener makes of it: its fault goes to whoever looks after the process. */
function tell(listener: (batch: readonly StoredEvent[]) => void, batch: readonly StoredEvent[]): void {
  try {
    listener(batch);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
