import {
  parseFilter,
  type Bus,
  type Clock,
  type Codec,
  type Gap,
  type Sink,
  type StoredEvent,
  type Subscription,
} from "@sluice/core";
import type { LiveHook } from "../hooks/live-hook.ts";
import type { HookStore } from "../store/hook-store.ts";
import type { HeldLane } from "../store/store-messages.ts";
import { HeldLanes, type NextTry } from "./held-lanes.ts";
import { laneOf, type Job, type Lane } from "./lane.ts";

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
  readonly #held: HeldLanes;
  readonly #ready: Lane[] = [];
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
    const { bus, clock, store } = host;
    const own = {
      hook,
      bus,
      clock,
      store,
      flow: this,
      nowMs: () => host.nowMs(),
      readUpTo: () => this.#readUpTo,
      ready: () => host.ready(this),
      freed: (key: string) => this.#freed(key),
      gap: (gap: Gap) => void this.gap(gap),
    };
    this.#held = new HeldLanes(own, held);
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
    return this.#held.places;
  }

  get heldLanes(): number {
    return this.#held.size;
  }

  /** Events read and not settled. */
  get waiting(): number {
    return this.#unsettled.size;
  }

  get hasWork(): boolean {
    return this.#ready.length > 0 || this.#held.hasJobs;
  }

  /** Whether an event was not delivered, as far as is known here: it is behind the cursor, or in a held lane. */
  isUndelivered(event: StoredEvent): boolean {
    const keys = [event.topic, laneOf(this.hook, event), ""];
    const heldFrom = keys.map((key) => this.#held.positionOf(key)).find((position) => position !== undefined);
    if (heldFrom !== undefined && event.position >= heldFrom) return true;
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
    this.#held.stop();
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
    this.#held.due(lane, this.isOpen);
  }

  /** A held lane's head, for a probe. */
  jobOf(lane: HeldLane, event: StoredEvent): Job {
    return this.#held.jobOf(lane, event);
  }

  /** Makes an event the head of a held lane, so that it can be a probe. */
  adopt(event: StoredEvent): Job {
    return this.#held.adopt(laneOf(this.hook, event), event);
  }

  /** The job's event is settled: delivered, or given up. */
  settled(job: Job): void {
    this.#underWay.delete(job.event.position);
    if (job.isHeld) this.#held.settled(job);
    else {
      this.#unsettled.delete(job.event.position);
      if (!this.isOpen) this.#settledMeanwhile.add(job.event.position);
      this.#release(job.lane);
    }
    this.#moveCursor();
    this.#resume();
  }

  /** The job's event waits until it is due. */
  hold(job: Job, next: NextTry): void {
    const { position } = job.event;
    this.#underWay.delete(position);
    this.#held.hold(job, next);
    if (!job.isHeld) {
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
      this.#held.letGo(job.lane);
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
    const heldFrom = this.#held.positionOf(key);
    // A held lane reads on by itself; and what is under way since before a pause is not sent beside itself.
    if (heldFrom !== undefined && (key !== "" || event.position <= heldFrom)) return;
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
    const job = this.#held.take(mayRetry);
    if (job !== null) this.#underWay.add(job.event.position);
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

  #freed(key: string): void {
    const lane = this.#lanes.get(key);
    if (lane !== undefined) {
      this.#makeReady(lane);
      this.#host.ready(this);
    }
    this.#moveCursor();
    this.#resume();
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
