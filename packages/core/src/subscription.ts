import type { Audience, Member } from "./audience.ts";
import type { CloseReason } from "./close-reason.ts";
import type { StoredEvent } from "./event.ts";
import type { Page } from "./event-log.ts";
import type { Gap } from "./gap.ts";
import { clauseMatches, interestIn, interestOf, type Interest } from "./interest.ts";
import type { LiveClause, Replay, ReplayObserver, Start } from "./replay.ts";
import type { Filter } from "./topic.ts";
import type { Sink } from "./transport.ts";

/** What a subscription needs of the bus. */
export interface SubscriptionHost {
  /** Position of the newest event that has been fanned out. */
  readonly head: number;
  /** A page behind a position; at once if the window has it. */
  page(interest: Interest, after: number, limit: number): Page | Promise<Page>;
  lastPage(interest: Interest, count: number, upTo: number): Page | Promise<Page>;
  resolve(start: Start): { readonly after: number; readonly gap: Gap | null };
  gapFrom(after: number, until: number): Gap;
  /** The same interest, as others of the codec hold it already: ten thousand readers of a topic keep it once. */
  intern(interest: Interest, sink: Sink<unknown>): Interest;
  /** Takes the reader into the audience of that interest, which has nothing pending then. */
  join<Bytes>(interest: Interest, member: Member<Bytes>, sink: Sink<Bytes>): Audience<Bytes>;
  leave<Bytes>(audience: Audience<Bytes>, member: Member<Bytes>): void;
  flush<Bytes>(audience: Audience<Bytes>): void;
  encode<Bytes>(sink: Sink<Bytes>, events: readonly StoredEvent[]): Bytes;
  sent(sink: Sink<unknown>, events: readonly StoredEvent[], bytes: unknown): void;
  gapTold(sink: Sink<unknown>, gap: Gap): void;
  leftBehind(sink: Sink<unknown>): void;
  failed(error: unknown): CloseReason;
}

/** Options of {@link Subscription.extend}. */
export interface ExtendOptions {
  /** Who is told of the replay; default: the sink, of a gap. */
  readonly observer?: ReplayObserver;
  /** Events per page of the replay at the most. */
  readonly limit?: number;
}

const NOTHING: Interest = interestOf([]);
const PAGE_EVENTS = 1000;

/**
 * One reader. Its topics are either live (in an audience) or being replayed; a full connection leaves its audience and
 * reads on from the log when it drains.
 *
 * ```
 *              extend()                     head reached
 *   (nothing) ─────────► replay: page, page ────────────► live, in an audience
 *                                                          │ write() is false
 *        closed ◄── close(), from any state                ▼
 *                          head reached ◄── catching up ◄─ full
 *                                               resume()
 * ```
 *
 * While a replay runs, what is live goes on. An event is handed over once, however many clauses match: a replay passes
 * over what a live clause has delivered already.
 */
export class Subscription<Bytes> implements Member<Bytes> {
  slot = -1;
  readonly #host: SubscriptionHost;
  readonly #sink: Sink<Bytes>;
  #interest: Interest = NOTHING;
  #live: readonly LiveClause[] = [];
  /** Replays wait for one another: each ends before the next begins. */
  readonly #replays: Replay[] = [];
  #audience: Audience<Bytes> | null = null;
  #position: number;
  #isFull = false;
  #isClosed = false;
  #isPumping = false;

  /** Use {@link Bus.subscribe}. */
  constructor(host: SubscriptionHost, sink: Sink<Bytes>) {
    this.#host = host;
    this.#sink = sink;
    this.#position = host.head;
  }

  /** Everything of the live topics up to here has been handed to the sink. */
  get position(): number {
    return this.#position;
  }

  /** All topics asked for can be read on from here without missing anything: how far the least advanced has got. */
  get resumePosition(): number {
    if (this.isLive) return this.#host.head;
    const isNothingLive = this.#live.length === 0 && this.#replays.length > 0;
    let position = isNothingLive ? this.#host.head : this.#position;
    for (const replay of this.#replays) position = Math.min(position, replay.position);
    return position;
  }

  /** Whether the reader has everything up to the head: a heartbeat may then tell the head's cursor. */
  get isLive(): boolean {
    if (this.#isClosed || this.#isFull || this.#replays.length > 0) return false;
    return this.#audience === null ? this.#live.length === 0 : !this.#audience.hasPending;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Every filter asked for: live ones and those being replayed. */
  get filters(): readonly Filter[] {
    const live = this.#live.map(({ clause }) => clause.filter);
    return [...live, ...this.#replays.flatMap(({ interest }) => interest.clauses.map(({ filter }) => filter))];
  }

  /**
   * Adds topics. Events after `start` follow, then what is new; the answer is the position that the start stands for.
   * @throws {SluiceError} `invalid-cursor`
   */
  extend(filters: readonly Filter[], types: readonly string[], start: Start, options: ExtendOptions = {}): number {
    return this.add(interestIn(filters, types), start, options);
  }

  /**
   * {@link extend} for whom has made the interest already.
   * @throws {SluiceError} `invalid-cursor`
   */
  add(wanted: Interest, start: Start, options: ExtendOptions = {}): number {
    const { after, gap } = this.#host.resolve(start);
    const interest = this.#host.intern(wanted, this.#sink);
    const last = typeof start === "object" && "last" in start ? start.last : 0;
    // Nothing to replay: who polls has just read to the head.
    const isAtHead = gap === null && last === 0 && after >= this.#host.head;
    if (isAtHead && options.observer?.live === undefined) {
      this.#admit(interest, after);
      return after;
    }
    this.#replays.push({
      interest,
      observer: options.observer ?? this.#sink,
      limit: options.limit ?? PAGE_EVENTS,
      since: after,
      position: after,
      gap,
      mayGap: gap === null && start !== "earliest",
      last,
      isCancelled: false,
    });
    this.#pump();
    return after;
  }

  /** Takes topics out again, whatever their types; those of `texts` that were not asked for are passed over. */
  narrow(texts: ReadonlySet<string>): void {
    for (const replay of this.#replays.splice(0)) {
      const rest = replay.interest.clauses.filter(({ filter }) => !texts.has(filter.text));
      if (rest.length === replay.interest.clauses.length) this.#replays.push(replay);
      else {
        replay.isCancelled = true;
        if (rest.length > 0) this.#replays.push({ ...replay, interest: interestOf(rest), isCancelled: false });
      }
    }
    this.#setLive(this.#live.filter(({ clause }) => !texts.has(clause.filter.text)));
    this.#pump();
  }

  /** The connection has drained: go on. */
  resume(): void {
    if (!this.#isFull || this.#isClosed) return;
    this.#isFull = false;
    this.#pump();
  }

  /** The reader is gone. Idempotent; the sink is not told. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#leave();
    for (const replay of this.#replays.splice(0)) replay.isCancelled = true;
  }

  /** Called by the audience. */
  deliver(bytes: Bytes, upTo: number): boolean {
    this.#position = upTo;
    if (this.#sink.write(bytes, upTo)) return true;
    if (!this.#isClosed) {
      this.#isFull = true;
      this.#host.leftBehind(this.#sink);
    }
    this.#audience = null;
    return false;
  }

  /** Reads on until the head is reached, the connection is full, or the log has to be waited for. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (!this.#isClosed && !this.#isFull) {
        const waiting = this.#step();
        if (waiting === "done") break;
        if (waiting === "again") continue;
        void waiting.then(
          () => this.#continue(),
          (error: unknown) => this.#fail(error),
        );
        return; // still pumping, until the log has answered
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#isPumping = false;
  }

  #continue(): void {
    this.#isPumping = false;
    this.#pump();
  }

  #fail(error: unknown): void {
    this.#isPumping = false;
    if (this.#isClosed) return;
    const reason = this.#host.failed(error);
    this.close();
    this.#sink.close(reason);
  }

  #step(): "done" | "again" | Promise<unknown> {
    if (this.#audience === null && this.#live.length > 0) {
      const interest = this.#interest;
      const page = this.#host.page(interest, this.#position, PAGE_EVENTS);
      return page instanceof Promise
        ? page.then((read) => this.#catchUp(read, interest))
        : this.#catchUp(page, interest);
    }
    const replay = this.#replays[0];
    if (replay === undefined) return "done";
    if (replay.last > 0) {
      const page = this.#host.lastPage(replay.interest, replay.last, replay.position);
      return page instanceof Promise ? page.then((read) => this.#takeLast(replay, read)) : this.#takeLast(replay, page);
    }
    const page = this.#host.page(replay.interest, replay.position, replay.limit);
    return page instanceof Promise
      ? page.then((read) => this.#replayPage(replay, read))
      : this.#replayPage(replay, page);
  }

  /** A page for the live topics of a reader that was full. Reaching the head and joining happen in the same turn. */
  #catchUp(page: Page, interest: Interest): "again" {
    if (this.#isClosed || this.#isFull || this.#audience !== null) return "again";
    // Topics that came while the log was asked are not in the page, though it reaches beyond where they begin.
    if (interest !== this.#interest) return "again";
    if (page.gapUntil !== null) {
      const gap = this.#host.gapFrom(this.#position, page.gapUntil);
      this.#position = Math.max(this.#position, page.gapUntil);
      this.#host.gapTold(this.#sink, gap);
      if (!this.#sink.gap(gap)) this.#setFull();
      if (this.#isClosed || this.#isFull) return "again";
    }
    const due = page.events.filter((event) => this.#isLiveSince(event));
    this.#position = page.position;
    this.#send(due, page.position);
    if (!this.#isFull && !this.#isClosed && page.isCaughtUp && page.position >= this.#host.head) this.#join();
    return "again";
  }

  /** Finds out where the newest N begin. They are then read like any other page, in batches that are bounded. */
  #takeLast(replay: Replay, page: Page): "again" {
    if (replay.isCancelled || this.#isClosed) return "again";
    const first = page.events[0];
    replay.since = page.events.length < replay.last || first === undefined ? 0 : first.position - 1;
    replay.last = 0;
    if (first !== undefined) replay.position = first.position - 1;
    return "again";
  }

  #replayPage(replay: Replay, page: Page): "again" {
    if (replay.isCancelled || this.#isClosed || this.#isFull || this.#isBehind) return "again";
    if (!this.#tellGap(replay, page)) return "again";
    replay.position = Math.max(replay.position, page.position);
    this.#send(this.#newTo(page.events), page.position);
    if (!this.#isFull && !this.#isClosed && page.isCaughtUp && replay.position >= this.#host.head) this.#finish(replay);
    return "again";
  }

  /** Whether the live topics have to be caught up with before a replay can go on. */
  get #isBehind(): boolean {
    return this.#live.length > 0 && this.#audience === null;
  }

  /** Answers whether the page can be sent now. */
  #tellGap(replay: Replay, page: Page): boolean {
    const gap =
      replay.gap ??
      (replay.mayGap && page.gapUntil !== null ? this.#host.gapFrom(replay.position, page.gapUntil) : null);
    replay.gap = null;
    replay.mayGap = false;
    if (gap === null) {
      // A later page may find that retention has overtaken a slow replay: that is told too.
      replay.mayGap = replay.position > replay.since || page.position > replay.since;
      return true;
    }
    this.#host.gapTold(this.#sink, gap);
    replay.position = Math.max(replay.position, page.gapUntil ?? 0);
    if (replay.observer.gap(gap)) return !this.#isClosed;
    this.#setFull();
    return false;
  }

  #finish(replay: Replay): void {
    this.#replays.splice(this.#replays.indexOf(replay), 1);
    this.#admit(replay.interest, replay.since);
    if (replay.observer.live?.(this.#host.head) === false) this.#setFull();
  }

  /** Makes an interest that is caught up with live. */
  #admit(interest: Interest, since: number): void {
    const added = interest.clauses.map((clause) => ({ clause, since }));
    if (this.#live.length === 0) {
      this.#setLive(added, interest);
      return;
    }
    const keys = new Map<string, LiveClause>();
    for (const entry of [...this.#live, ...added]) {
      const { key } = interestOf([entry.clause]);
      const known = keys.get(key);
      if (known === undefined || entry.since < known.since) keys.set(key, entry);
    }
    this.#setLive([...keys.values()]);
  }

  #setLive(live: readonly LiveClause[], interest: Interest = interestOf(live.map(({ clause }) => clause))): void {
    const wasBehind = this.#isBehind;
    this.#leave();
    if (this.#isClosed) return;
    this.#live = live;
    this.#interest = interest;
    if (live.length === 0) this.#position = this.#host.head;
    else if (!wasBehind && !this.#isFull) this.#join();
  }

  #join(): void {
    this.#position = this.#host.head;
    this.#audience = this.#host.join(this.#interest, this, this.#sink);
  }

  /** Leaves the audience with a position that holds: what is pending goes out first. */
  #leave(): void {
    const audience = this.#audience;
    if (audience === null) {
      if (this.#live.length === 0) this.#position = this.#host.head;
      return;
    }
    if (audience.hasPending && !this.#isClosed) this.#host.flush(audience);
    // The flush may have found the connection full, and then the reader has left already.
    if (this.#audience === null) return;
    this.#position = this.#host.head;
    this.#audience = null;
    this.#host.leave(audience, this);
  }

  #setFull(): void {
    if (this.#isClosed || this.#isFull) return;
    this.#leave();
    if (this.#isFull) return;
    this.#isFull = true;
    this.#host.leftBehind(this.#sink);
  }

  #send(events: readonly StoredEvent[], upTo: number): void {
    if (events.length === 0) return;
    const bytes = this.#host.encode(this.#sink, events);
    const isReady = this.#sink.write(bytes, upTo);
    this.#host.sent(this.#sink, events, bytes);
    if (!isReady) this.#setFull();
  }

  /** Whether a live clause wants the event and did so when it was published. */
  #isLiveSince(event: StoredEvent): boolean {
    for (const { clause, since } of this.#live) {
      if (event.position > since && clauseMatches(clause, event.topic, event.type)) return true;
    }
    return false;
  }

  /** Those events of a replay that no live clause has delivered. */
  #newTo(events: readonly StoredEvent[]): readonly StoredEvent[] {
    return this.#live.length === 0 ? events : events.filter((event) => !this.#isLiveSince(event));
  }
}
