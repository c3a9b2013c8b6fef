import {
  interestIn,
  matches,
  parseFilter,
  type Bus,
  type Clock,
  type Codec,
  type Gap,
  type Page,
  type Sink,
  type StoredEvent,
  type Subscription,
} from "@sluice/core";
import type { HookStore } from "../store/hook-store.ts";
import { keep, restore, type LiveHook } from "../hooks/live-hook.ts";
import { isTopic, laneOf, type Held, type Job, type Lane } from "./lane.ts";
import type { HeldLane } from "../store/store-messages.ts";

/** What a flow needs of the engine. */
export interface FlowHost {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly store: HookStore;
  /** Milliseconds that never step back, near the wall clock. */
  nowMs(): number;
  /** The flow has something to send. */
  ready(flow: HookFlow): void;
  /** The wait before the first attempt. */
  firstWaitMs(hook: LiveHook): number;
  gapTold(hook: LiveHook, gap: Gap): void;
}

/** Events that a hook holds in memory before it leaves the rest in the log. */
const QUEUE_EVENTS = 128;
/** Lanes that may be held before nothing new is read. */
const MAX_HELD = 10_000;
/** Held events in memory, waiting for a slot. */
const MAX_HELD_JOBS = 20;
/** How much later a held event is asked for again that has no place in memory. */
const CROWDED_MS = 1000;
const LANE_PAGE_EVENTS = 50;
/** How soon a flow that the bus gave up reads again. */
const AGAIN_MS = 1000;

/** Hands events on as they are: each is encoded once, when the first hook of a format sends it. */
const codec: Codec<readonly StoredEvent[]> = {
  name: "rest-hooks",
  transport: "rest-hooks",
  encode: (events) => events,
};

/**
 * The way of one hook through the log. It reads like any other reader; what it has read waits in lanes, by topic, so that
 * the events of one go out one after the other. When the head of a lane fails, the lane is held: the store has a copy of
 * the head, what is behind it stays in the log, and the flow passes over it. When the head is settled the lane reads on by
 * itself until it has come to where the flow is, and then is a lane like any other.
 *
 * The cursor stands before the first event that is neither settled nor in a held lane.
 */
export class HookFlow implements Sink<readonly StoredEvent[]> {
  readonly codec: Codec<readonly StoredEvent[]> = codec;
  readonly hook: LiveHook;
  readonly #host: FlowHost;
  readonly #lanes = new Map<string, Lane>();
  readonly #held = new Map<string, Held>();
  readonly #ready: Lane[] = [];
  readonly #heldJobs: Job[] = [];
  /** Positions that were read and are not settled, rising. */
  readonly #unsettled = new Set<number>();
  readonly #underWay = new Set<number>();
  /** Settled while it did not read: not to be sent when it is read again. */
  readonly #settledMeanwhile = new Set<number>();
  #subscription: Subscription<readonly StoredEvent[]> | null = null;
  #readUpTo = 0;
  /** Whether it has ever read: before, nothing is known of what is behind its cursor. */
  #hasRead = false;
  #cursor: string;
  #isHeldTurn = false;
  /** Its requests under way. */
  inFlight = 0;
  /** Whether the engine has it among those that are ready. */
  isQueued = false;

  /** @param cursor where it reads on */
  constructor(hook: LiveHook, host: FlowHost, cursor: string, held: readonly { lane: string; position: number }[]) {
    this.hook = hook;
    this.#host = host;
    this.#cursor = cursor;
    for (const { lane, position } of held) this.#held.set(lane, { position, queue: [] });
  }

  get isOpen(): boolean {
    return this.#subscription !== null;
  }

  /** Where the hook reads on after a restart. */
  get cursor(): string {
    return this.#cursor;
  }

  /** Its held lanes. */
  get held(): readonly { readonly lane: string; readonly position: number }[] {
    return Array.from(this.#held, ([lane, { position }]) => ({ lane, position }));
  }

  get heldLanes(): number {
    return this.#held.size;
  }

  /** Events read and not settled. */
  get waiting(): number {
    return this.#unsettled.size;
  }

  get hasWork(): boolean {
    return this.#ready.length > 0 || this.#heldJobs.length > 0;
  }

  /** Whether an event was not delivered, as far as is known here: it is behind the cursor, or in a held lane. */
  isUndelivered(event: StoredEvent): boolean {
    const held = this.#held.get(event.topic) ?? this.#held.get(laneOf(this.hook, event)) ?? this.#held.get("");
    if (held !== undefined && event.position >= held.position) return true;
    const { after } = this.#host.bus.resolve({ cursor: this.#cursor });
    if (event.position <= after) return false;
    return this.#unsettled.has(event.position) || event.position > this.#readUpTo;
  }

  /** Begins to read. */
  open(): void {
    if (this.#subscription !== null) return;
    const { topics, types } = this.hook.record;
    const subscription = this.#host.bus.subscribe(this);
    this.#subscription = subscription;
    this.#unsettled.clear();
    this.#hasRead = true;
    this.#readUpTo = this.#host.bus.resolve({ cursor: this.#cursor }).after;
    subscription.extend(topics.map(parseFilter), types, { cursor: this.#cursor });
  }

  /** Nothing it wants is missing up to the head: its cursor goes there, so that a quiet hook's stays young. */
  catchCursorUp(): void {
    if (this.#subscription?.isLive !== true || this.#unsettled.size > 0) return;
    this.#readUpTo = this.#host.bus.head;
    this.#moveCursor();
  }

  /** Stops to read, and forgets what was not sent: it is in the log, or in the store. What is under way goes on. */
  stop(): void {
    if (this.#subscription === null) return;
    this.#subscription.close();
    this.#subscription = null;
    // The cursor stays before all that was not sent: it is read again.
    for (const lane of this.#lanes.values()) {
      lane.queue.length = 0;
      lane.isReady = false;
      if (!lane.isBusy) this.#lanes.delete(lane.key);
    }
    this.#ready.length = 0;
    for (const { lane } of this.#heldJobs.splice(0)) this.#letGo(lane);
    for (const held of this.#held.values()) held.queue.length = 0;
  }

  write(events: readonly StoredEvent[], upTo: number): boolean {
    for (const event of events) this.#read(event);
    this.#readUpTo = upTo;
    if (this.#unsettled.size === 0) this.#moveCursor();
    if (this.#ready.length > 0) this.#host.ready(this);
    return this.#hasRoom(QUEUE_EVENTS);
  }

  gap(gap: Gap): boolean {
    this.#host.gapTold(this.hook, gap);
    return true;
  }

  /** The bus gives it up: the log could not be read. It comes back. */
  close(): void {
    this.stop();
    this.#host.clock.after(AGAIN_MS, () => {
      if (this.hook.record.status === "active" && this.hook.flow === this) this.open();
    });
  }

  /** The next event to send; `null` if there is none, or none that may be. `mayRetry`: one that failed before may. */
  take(mayRetry: boolean): Job | null {
    this.#isHeldTurn = !this.#isHeldTurn;
    const first = this.#isHeldTurn ? this.#takeHeld(mayRetry) : this.#takeRead();
    return first ?? (this.#isHeldTurn ? this.#takeRead() : this.#takeHeld(mayRetry));
  }

  /** A lane whose time has come. */
  due(lane: HeldLane): void {
    if (!this.isOpen || this.#heldJobs.length >= MAX_HELD_JOBS) {
      const dueAtMs = this.#host.nowMs() + CROWDED_MS * (1 + 4 * this.#host.clock.random());
      this.#host.store.note({ kind: "defer", hook: this.hook.id, lane: lane.lane, dueAtMs: Math.round(dueAtMs) });
      return;
    }
    if (!this.#held.has(lane.lane)) this.#held.set(lane.lane, { position: lane.position, queue: [] });
    if (lane.event === null) this.#readOn(lane.lane);
    else {
      this.#heldJobs.push(this.jobOf(lane, restore(lane.event)));
      this.#host.ready(this);
    }
  }

  /** A held lane's head, for a probe. */
  jobOf(lane: HeldLane, event: StoredEvent): Job {
    return { flow: this, lane: lane.lane, event, attempts: lane.attempts, step: lane.step, isHeld: true };
  }

  /** Makes an event the head of a held lane, so that it can be a probe. */
  adopt(event: StoredEvent): Job {
    const lane = laneOf(this.hook, event);
    const job: Job = { flow: this, lane, event, attempts: 0, step: 0, isHeld: true };
    this.#held.set(lane, { position: event.position, queue: [] });
    this.#store(job, { attempts: 0, step: 0, dueAtMs: this.#host.nowMs(), isTaken: true });
    return job;
  }

  /** The job's event is settled: delivered, or given up. */
  settled(job: Job): void {
    this.#underWay.delete(job.event.position);
    if (job.isHeld) this.#advance(job);
    else {
      this.#unsettled.delete(job.event.position);
      if (!this.isOpen) this.#settledMeanwhile.add(job.event.position);
      this.#release(job.lane);
    }
    this.#moveCursor();
    this.#resume();
  }

  /** The job's event waits until it is due. */
  hold(job: Job, next: { readonly attempts: number; readonly step: number; readonly dueAtMs: number | null }): void {
    const { position } = job.event;
    this.#underWay.delete(position);
    this.#store(job, { ...next, isTaken: false });
    if (!job.isHeld) {
      this.#held.set(job.lane, { position: this.#positionOf(job.event), queue: [] });
      this.#unsettled.delete(position);
      const lane = this.#lanes.get(job.lane);
      if (lane !== undefined) {
        lane.isBusy = false;
        // Strict order keeps what it has read: nothing passes it. Of a topic, the lane reads it again.
        if (job.lane !== "") {
          for (const event of lane.queue) this.#unsettled.delete(event.position);
          this.#lanes.delete(job.lane);
        }
      }
      this.#moveCursor();
    }
    this.#resume();
  }

  /** Nothing came of the job, and that is nobody's fault: it is done again. */
  again(job: Job): void {
    this.#underWay.delete(job.event.position);
    if (job.isHeld) {
      this.#letGo(job.lane);
      return;
    }
    const lane = this.#lanes.get(job.lane);
    if (lane !== undefined) {
      lane.isBusy = false;
      if (this.isOpen) {
        lane.queue.unshift(job.event);
        this.#makeReady(lane);
      } else this.#lanes.delete(job.lane);
    }
  }

  #read(event: StoredEvent): void {
    const key = laneOf(this.hook, event);
    const held = this.#held.get(key);
    // A held lane reads on by itself; and what is under way since before a pause is not sent beside itself.
    if (held !== undefined && (key !== "" || event.position <= held.position)) return;
    if (this.#settledMeanwhile.delete(event.position)) return;
    if (this.#underWay.has(event.position)) {
      this.#unsettled.add(event.position);
      return;
    }
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = { key, queue: [], isBusy: false, isReady: false };
      this.#lanes.set(key, lane);
    }
    lane.queue.push(event);
    this.#unsettled.add(event.position);
    const waitMs = this.#host.firstWaitMs(this.hook);
    if (waitMs === 0) this.#makeReady(lane);
    else this.#host.clock.after(waitMs, () => this.#waited(lane));
  }

  #waited(lane: Lane): void {
    if (!this.isOpen || this.#lanes.get(lane.key) !== lane) return;
    this.#makeReady(lane);
    this.#host.ready(this);
  }

  #makeReady(lane: Lane): void {
    if (lane.isBusy || lane.isReady || lane.queue.length === 0 || this.#held.has(lane.key)) return;
    lane.isReady = true;
    this.#ready.push(lane);
  }

  #takeRead(): Job | null {
    for (let lane = this.#ready.shift(); lane !== undefined; lane = this.#ready.shift()) {
      lane.isReady = false;
      const event = lane.queue.shift();
      if (event === undefined) continue;
      lane.isBusy = true;
      this.#underWay.add(event.position);
      return { flow: this, lane: lane.key, event, attempts: 0, step: 0, isHeld: false };
    }
    return null;
  }

  #takeHeld(mayRetry: boolean): Job | null {
    const index = mayRetry ? 0 : this.#heldJobs.findIndex(({ attempts }) => attempts === 0);
    const [job] = index < 0 ? [] : this.#heldJobs.splice(index, 1);
    if (job === undefined) return null;
    this.#underWay.add(job.event.position);
    return job;
  }

  #release(key: string): void {
    const lane = this.#lanes.get(key);
    if (lane === undefined) return;
    lane.isBusy = false;
    if (lane.queue.length === 0) this.#lanes.delete(key);
    else {
      this.#makeReady(lane);
      this.#host.ready(this);
    }
  }

  /** The head of a held lane is settled. */
  #advance(job: Job): void {
    const held = this.#held.get(job.lane);
    if (held === undefined) return;
    held.position = this.#positionOf(job.event);
    if (isTopic(job.lane)) {
      // From here the lane has no head: after a restart it reads on from this place.
      this.#store(job, { attempts: 0, step: 0, dueAtMs: this.#host.nowMs(), isTaken: this.isOpen }, null);
      this.#readOn(job.lane);
    } else this.#free(job.lane);
  }

  /** Sends the next event of a lane without a head, or reads it, or gives the lane back to the flow. */
  #readOn(key: string): void {
    const held = this.#held.get(key);
    if (held === undefined || !this.isOpen) return;
    const event = held.queue.shift();
    if (event !== undefined) {
      this.#heldJobs.push({ flow: this, lane: key, event, attempts: 0, step: 0, isHeld: true });
      this.#host.ready(this);
      return;
    }
    const { topics, types } = this.hook.record;
    const isWanted = topics.some((topic) => matches(parseFilter(topic), key));
    if (!isWanted || held.position >= this.#readUpTo) {
      this.#free(key);
      return;
    }
    const page = this.#host.bus.page(interestIn([parseFilter(key)], types), held.position, LANE_PAGE_EVENTS);
    if (page instanceof Promise) {
      page.then(
        (read) => this.#readPage(key, held, read),
        () => this.#letGo(key),
      );
    } else this.#readPage(key, held, page);
  }

  #readPage(key: string, held: Held, page: Page): void {
    if (this.#held.get(key) !== held || !this.isOpen) {
      this.#letGo(key);
      return;
    }
    if (page.gapUntil !== null) this.gap(this.#host.bus.gapFrom(held.position, page.gapUntil));
    held.position = Math.max(held.position, page.gapUntil ?? 0);
    for (const event of page.events) if (event.position <= this.#readUpTo) held.queue.push(event);
    if (held.queue.length === 0) held.position = Math.max(held.position, Math.min(page.position, this.#readUpTo));
    this.#readOn(key);
  }

  #free(key: string): void {
    this.#held.delete(key);
    this.#host.store.note({ kind: "free", hook: this.hook.id, lane: key });
    const lane = this.#lanes.get(key);
    if (lane !== undefined) {
      this.#makeReady(lane);
      this.#host.ready(this);
    }
    this.#moveCursor();
    this.#resume();
  }

  /** Somebody else, or a later life, may have the lane. */
  #letGo(lane: string): void {
    this.#host.store.note({ kind: "defer", hook: this.hook.id, lane, dueAtMs: this.#host.nowMs() });
  }

  #store(
    { lane, event }: Job,
    next: {
      readonly attempts: number;
      readonly step: number;
      readonly dueAtMs: number | null;
      readonly isTaken: boolean;
    },
    head: StoredEvent | null = event,
  ): void {
    const { isTaken, ...place } = next;
    this.#host.store.note({
      kind: "hold",
      lane: {
        hook: this.hook.id,
        lane,
        position: this.#positionOf(event),
        event: head === null ? null : keep(head),
        ...place,
      },
      isStopped: this.hook.record.status !== "active",
      isTaken,
    });
  }

  /** A copy that was kept may be of a log that is no more. */
  #positionOf(event: StoredEvent): number {
    return event.cursor === this.#host.bus.cursorAt(event.position) ? event.position : 0;
  }

  #moveCursor(): void {
    if (!this.#hasRead) return;
    const [first] = this.#unsettled;
    const cursor = this.#host.bus.cursorAt(first === undefined ? this.#readUpTo : first - 1);
    if (cursor === this.#cursor) return;
    this.#cursor = cursor;
    this.#host.store.moveCursor(this.hook.id, cursor);
  }

  #hasRoom(events: number): boolean {
    return this.#unsettled.size < events && this.#held.size < MAX_HELD;
  }

  #resume(): void {
    if (this.#subscription?.isFull === true && this.#hasRoom(QUEUE_EVENTS / 2)) this.#subscription.resume();
  }
}
