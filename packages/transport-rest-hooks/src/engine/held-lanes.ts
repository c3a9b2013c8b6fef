import {
  interestIn,
  matches,
  parseFilter,
  type Bus,
  type Clock,
  type Gap,
  type Page,
  type StoredEvent,
} from "@sluice/core";
import { keep, restore, type LiveHook } from "../hooks/live-hook.ts";
import type { HookStore } from "../store/hook-store.ts";
import type { HeldLane } from "../store/store-messages.ts";
import type { HookFlow } from "./hook-flow.ts";
import { isTopic, type Job } from "./lane.ts";

/** What held lanes need of the flow whose they are. */
export interface HeldLanesHost {
  readonly hook: LiveHook;
  readonly flow: HookFlow;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly store: HookStore;
  /** Milliseconds that never step back, near the wall clock. */
  readonly nowMs: () => number;
  /** Position up to which the flow has read. */
  readonly readUpTo: () => number;
  /** A held lane has something to send. */
  readonly ready: () => void;
  /** The lane is one like any other again. */
  readonly freed: (key: string) => void;
  readonly gap: (gap: Gap) => void;
}

/** When a held lane's head is tried next, and what has been tried. */
export interface NextTry {
  readonly attempts: number;
  readonly step: number;
  /** Unix milliseconds; `null`: only when somebody asks for it. */
  readonly dueAtMs: number | null;
}

interface Held {
  /** Everything of the lane before this is settled. */
  position: number;
  /** Read from the log, behind the head. */
  readonly queue: StoredEvent[];
}

/** Held events in memory, waiting for a slot. */
const MAX_JOBS = 20;
/** How much later a held event is asked for again that has no place in memory. */
const CROWDED_MS = 1000;
const PAGE_EVENTS = 50;

/**
 * The lanes of one hook whose head failed, or which read on from the log until they have come up with the flow. The store
 * has a copy of each head, and says when it is due; what is behind it stays in the log.
 */
export class HeldLanes {
  readonly #host: HeldLanesHost;
  readonly #held = new Map<string, Held>();
  readonly #jobs: Job[] = [];

  constructor(host: HeldLanesHost, held: readonly { readonly lane: string; readonly position: number }[]) {
    this.#host = host;
    for (const { lane, position } of held) this.#held.set(lane, { position, queue: [] });
  }

  get size(): number {
    return this.#held.size;
  }

  /** Whether there is something to send. */
  get hasJobs(): boolean {
    return this.#jobs.length > 0;
  }

  get places(): readonly { readonly lane: string; readonly position: number }[] {
    return Array.from(this.#held, ([lane, { position }]) => ({ lane, position }));
  }

  has(key: string): boolean {
    return this.#held.has(key);
  }

  /** Everything of the lane before this is settled; `undefined`: it is not held. */
  positionOf(key: string): number | undefined {
    return this.#held.get(key)?.position;
  }

  /** The next event to send; `mayRetry`: one that failed before may be. */
  take(mayRetry: boolean): Job | null {
    const index = mayRetry ? 0 : this.#jobs.findIndex(({ attempts }) => attempts === 0);
    const [job] = index < 0 ? [] : this.#jobs.splice(index, 1);
    return job ?? null;
  }

  /** A lane whose time has come. `isOpen`: it may be sent now. */
  due(lane: HeldLane, isOpen: boolean): void {
    const { hook, clock, store, nowMs, ready } = this.#host;
    if (!isOpen || this.#jobs.length >= MAX_JOBS) {
      const dueAtMs = nowMs() + CROWDED_MS * (1 + 4 * clock.random());
      store.note({ kind: "defer", hook: hook.id, lane: lane.lane, dueAtMs: Math.round(dueAtMs) });
      return;
    }
    if (!this.#held.has(lane.lane)) this.#held.set(lane.lane, { position: lane.position, queue: [] });
    if (lane.event === null) this.#readOn(lane.lane);
    else {
      this.#jobs.push(this.jobOf(lane, restore(lane.event)));
      ready();
    }
  }

  jobOf({ lane, attempts, step }: HeldLane, event: StoredEvent): Job {
    return { flow: this.#host.flow, lane, event, attempts, step, isHeld: true };
  }

  /** Makes an event that has not been sent the head of a held lane. */
  adopt(lane: string, event: StoredEvent): Job {
    const job: Job = { flow: this.#host.flow, lane, event, attempts: 0, step: 0, isHeld: true };
    this.#held.set(lane, { position: event.position, queue: [] });
    this.#store(job, { attempts: 0, step: 0, dueAtMs: this.#host.nowMs() }, true);
    return job;
  }

  /** The job's lane is held, or still is, and its event the head. */
  hold(job: Job, next: NextTry): void {
    this.#store(job, next, false);
    if (!job.isHeld) this.#held.set(job.lane, { position: this.#placeOf(job.event), queue: [] });
  }

  /** The head of a held lane is settled: the lane reads on. */
  settled(job: Job): void {
    const held = this.#held.get(job.lane);
    if (held === undefined) return;
    held.position = this.#placeOf(job.event);
    if (!isTopic(job.lane)) {
      this.#free(job.lane);
      return;
    }
    // From here the lane has no head: after a restart it reads on from this place.
    this.#store(job, { attempts: 0, step: 0, dueAtMs: this.#host.nowMs() }, this.#host.flow.isOpen, null);
    this.#readOn(job.lane);
  }

  /** Somebody else, or a later life, may have the lane. */
  letGo(lane: string): void {
    const { hook, store, nowMs } = this.#host;
    store.note({ kind: "defer", hook: hook.id, lane, dueAtMs: nowMs() });
  }

  /** Forgets what was not sent. */
  stop(): void {
    for (const { lane } of this.#jobs.splice(0)) this.letGo(lane);
    for (const held of this.#held.values()) held.queue.length = 0;
  }

  /** Sends the next event of a lane without a head, or reads it, or gives the lane back to the flow. */
  #readOn(key: string): void {
    const { flow, hook, bus, ready, readUpTo } = this.#host;
    const held = this.#held.get(key);
    if (held === undefined || !flow.isOpen) return;
    const event = held.queue.shift();
    if (event !== undefined) {
      this.#jobs.push({ flow, lane: key, event, attempts: 0, step: 0, isHeld: true });
      ready();
      return;
    }
    const { topics, types } = hook.record;
    const isWanted = topics.some((topic) => matches(parseFilter(topic), key));
    if (!isWanted || held.position >= readUpTo()) {
      this.#free(key);
      return;
    }
    const page = bus.page(interestIn([parseFilter(key)], types), held.position, PAGE_EVENTS);
    if (page instanceof Promise) {
      page.then(
        (read) => this.#readPage(key, held, read),
        () => this.letGo(key),
      );
    } else this.#readPage(key, held, page);
  }

  #readPage(key: string, held: Held, page: Page): void {
    const { flow, bus, gap } = this.#host;
    if (this.#held.get(key) !== held || !flow.isOpen) {
      this.letGo(key);
      return;
    }
    if (page.gapUntil !== null) gap(bus.gapFrom(held.position, page.gapUntil));
    held.position = Math.max(held.position, page.gapUntil ?? 0);
    const upTo = this.#host.readUpTo();
    for (const event of page.events) if (event.position <= upTo) held.queue.push(event);
    if (held.queue.length === 0) held.position = Math.max(held.position, Math.min(page.position, upTo));
    this.#readOn(key);
  }

  #free(key: string): void {
    const { hook, store, freed } = this.#host;
    this.#held.delete(key);
    store.note({ kind: "free", hook: hook.id, lane: key });
    freed(key);
  }

  /** `isTaken`: who says so stays at it. */
  #store({ lane, event }: Job, next: NextTry, isTaken: boolean, head: StoredEvent | null = event): void {
    const { hook, store } = this.#host;
    const kept = head === null ? null : keep(head);
    store.note({
      kind: "hold",
      lane: { hook: hook.id, lane, position: this.#placeOf(event), event: kept, ...next },
      isStopped: hook.record.status !== "active",
      isTaken,
    });
  }

  /** A copy that was kept may be of a log that is no more. */
  #placeOf(event: StoredEvent): number {
    return event.cursor === this.#host.bus.cursorAt(event.position) ? event.position : 0;
  }
}
