import type { Bus, Clock, Gap, Logger, Meter, StoredEvent } from "@sluice/core";
import { interestIn, parseFilter } from "@sluice/core";
import { restore, type LiveHook } from "../hooks/live-hook.ts";
import type { Payloads } from "../hooks/payload.ts";
import type { Answer } from "../sending/sender.ts";
import type { SenderLink } from "../sending/sender-link.ts";
import type { HookStore } from "../store/hook-store.ts";
import type { HeldLane } from "../store/store-messages.ts";
import { deliveryOf } from "./delivery.ts";
import { HookFigures } from "./hook-figures.ts";
import { HookFlow, type FlowHost } from "./hook-flow.ts";
import type { Job } from "./lane.ts";
import { Origin } from "./origin.ts";
import { Results, SPREAD_MS, type EngineEvents } from "./results.ts";
import { RetryTimer } from "./retry-timer.ts";
import { Slots } from "./slots.ts";
import { Turns } from "./turns.ts";

/** Options of {@link Engine}. */
export interface EngineOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meter: Meter;
  readonly store: HookStore;
  readonly sender: SenderLink;
  readonly payloads: Payloads;
  readonly events: EngineEvents;
  /** The operator's waits before attempt 1, 2, … */
  readonly scheduleMs: readonly number[];
  /** In all. */
  readonly concurrency: number;
  readonly perOrigin: number;
  /** The prefix of the gateway's own URLs. */
  readonly prefix: string;
}

/** Sends what hooks have to send, each in its turn. */
export class Engine implements FlowHost {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly store: HookStore;
  readonly figures: HookFigures = new HookFigures();
  readonly #options: EngineOptions;
  readonly #origins = new Map<string, Origin>();
  readonly #slots: Slots;
  readonly #turns: Turns;
  readonly #timer: RetryTimer;
  readonly #results: Results;
  readonly #wallOffsetMs: number;
  #isStopped = false;

  constructor(options: EngineOptions) {
    const { bus, clock, store, logger, events, concurrency } = options;
    this.bus = bus;
    this.clock = clock;
    this.store = store;
    this.#options = options;
    this.#wallOffsetMs = clock.now() - clock.monotonic();
    const nowMs = (): number => this.nowMs();
    this.#slots = new Slots(concurrency);
    this.#turns = new Turns({
      nowMs,
      mayBegin: () => this.#slots.hasRoom && !this.#isStopped && !store.isFailing,
      begin: (flow, origin) => this.#begin(flow, origin),
    });
    this.#timer = new RetryTimer({ store, clock, logger, nowMs, onDue: (lane) => this.#due(lane) });
    this.#results = new Results({
      clock,
      logger,
      store,
      events,
      nowMs,
      figures: this.figures,
      scheduleOf: (hook) => this.#scheduleOf(hook),
      onPauseOver: (origin) => this.#turns.enqueue(origin),
    });
    this.hookOf = () => undefined;
  }

  /** Finds a hook by its id; set by who keeps them. */
  hookOf: (id: string) => LiveHook | undefined;

  get inFlight(): number {
    return this.#slots.inFlight;
  }

  get retriesInFlight(): number {
    return this.#slots.retriesInFlight;
  }

  /** Goes by the monotonic clock, so that no wait grows when the wall clock steps back. */
  nowMs(): number {
    return Math.round(this.#wallOffsetMs + this.clock.monotonic());
  }

  /** Begins to fetch what is due. */
  start(): void {
    this.store.onDue = (dueAtMs) => {
      this.#timer.next(dueAtMs);
      this.#turns.goOn();
    };
    // What the store said when it was opened nobody heard: what has become due is fetched now.
    this.#timer.next(this.nowMs());
  }

  /** Gives a hook a flow from a place on. One that it had is forgotten, with what is under way. */
  place(hook: LiveHook, cursor: string, held: readonly { lane: string; position: number }[]): void {
    hook.flow?.stop();
    this.#leaveOrigin(hook);
    const key = hook.originKey;
    let origin = this.#origins.get(key);
    if (origin === undefined) {
      origin = new Origin(key, this.#options.perOrigin);
      this.#origins.set(key, origin);
    }
    origin.hooks += 1;
    hook.origin = origin;
    hook.flow = new HookFlow(hook, this, cursor, held);
  }

  /** Takes a hook out for good. */
  remove(hook: LiveHook): void {
    this.close(hook);
    this.#leaveOrigin(hook);
    hook.flow = null;
    this.#options.sender.forget(hook.id);
  }

  /** Begins to read for a hook. */
  open(hook: LiveHook): void {
    if (this.#isStopped || hook.flow === null || hook.flow.isOpen) return;
    hook.flow.open();
    this.#options.meter.connections("rest-hooks", 1);
  }

  /** Nothing is begun for the hook any more. */
  close(hook: LiveHook): void {
    if (hook.flow?.isOpen !== true) return;
    hook.flow.stop();
    this.#options.meter.connections("rest-hooks", -1);
  }

  ready(flow: HookFlow): void {
    this.#turns.ready(flow);
  }

  firstWaitMs(hook: LiveHook): number {
    return this.#scheduleOf(hook)[0] ?? 0;
  }

  gapTold(hook: LiveHook, gap: Gap): void {
    hook.record = { ...hook.record, gap };
    this.#options.events.changed(hook);
  }

  /** Sends one event to see whether the target is well again: the one that waits longest. Whether there was one. */
  async probe(hook: LiveHook): Promise<boolean> {
    const { flow } = hook;
    if (flow === null || hook.isProbing || this.#isStopped) return false;
    hook.isProbing = true;
    try {
      const job = await this.#probeJob(flow);
      const isWanted = hook.record.status === "failing" || hook.record.status === "disabled";
      if (job === null || !isWanted || hook.flow !== flow || this.#isStopped) return false;
      await this.#perform(job, true);
      return true;
    } finally {
      hook.isProbing = false;
    }
  }

  /** Begins nothing any more; resolves when what is under way has ended. */
  async stop(deadline: AbortSignal): Promise<void> {
    this.#isStopped = true;
    this.#timer.stop();
    const idle = this.#slots.idle();
    const abort = (): void => this.#options.sender.abort();
    if (deadline.aborted) abort();
    else deadline.addEventListener("abort", abort, { once: true });
    await idle;
    deadline.removeEventListener("abort", abort);
  }

  #leaveOrigin(hook: LiveHook): void {
    const { origin } = hook;
    if (origin === null) return;
    hook.origin = null;
    origin.hooks -= 1;
    this.#dropIfUnused(origin);
  }

  #dropIfUnused({ key, hooks, inFlight }: Origin): void {
    if (hooks === 0 && inFlight === 0) this.#origins.delete(key);
  }

  #scheduleOf(hook: LiveHook): readonly number[] {
    return hook.record.scheduleMs ?? this.#options.scheduleMs;
  }

  #due(lane: HeldLane): void {
    const hook = this.hookOf(lane.hook);
    if (hook === undefined || hook.flow === null || hook.origin === null) {
      this.store.note({ kind: "free", hook: lane.hook, lane: lane.lane });
      return;
    }
    const { pausedUntilMs } = hook.origin;
    if (pausedUntilMs > this.nowMs()) {
      const dueAtMs = Math.round(pausedUntilMs + SPREAD_MS * this.clock.random());
      this.store.note({ kind: "defer", hook: lane.hook, lane: lane.lane, dueAtMs });
    } else hook.flow.due(lane);
  }

  #begin(flow: HookFlow, origin: Origin): void {
    const { hook } = flow;
    if (hook.record.status !== "active" || hook.flow !== flow || !this.#slots.hasRoomForHook(flow.inFlight)) return;
    const job = flow.take(this.#slots.hasRoomForRetry(origin));
    if (job === null) {
      if (flow.hasWork) this.#turns.starve(flow);
      return;
    }
    void this.#perform(job, false);
    if (flow.hasWork && this.#slots.hasRoomForHook(flow.inFlight)) this.ready(flow);
  }

  async #perform(job: Job, isProbe: boolean): Promise<void> {
    const { flow } = job;
    const { origin, record } = flow.hook;
    const { gap } = record;
    this.#slots.take(job, origin);
    const atMs = this.clock.now();
    const startedMs = this.clock.monotonic();
    const answer = await this.#send(job, atMs, gap);
    const durationMs = this.clock.monotonic() - startedMs;
    this.#slots.give(job, origin);
    this.#results.take({ job, answer, time: { atMs, durationMs }, gap, isProbe });
    if (flow.hasWork && flow.isOpen) this.ready(flow);
    if (job.attempts > 0) this.#turns.feed();
    if (origin !== null) {
      this.#turns.enqueue(origin);
      this.#dropIfUnused(origin);
    }
    this.#turns.goOn();
    this.#slots.settled();
  }

  #send(job: Job, nowMs: number, gap: Gap | null): Promise<Answer> {
    const { flow, event } = job;
    const { hook } = flow;
    const { record } = hook;
    const payload = this.#options.payloads.of(event, {
      format: record.format,
      hookId: record.id,
      event: record.types[0] ?? "",
      target: record.target,
      readUrl: `${record.site}${this.#options.prefix}`,
    });
    const request = deliveryOf(hook, event, payload, { attempt: job.attempts + 1, nowMs, gap });
    return this.#options.sender.send(request, record.secrets);
  }

  async #probeJob(flow: HookFlow): Promise<Job | null> {
    const lane = await this.store.oldest(flow.hook.id);
    const kept = lane?.event ?? null;
    if (lane !== null && kept !== null) return flow.jobOf(lane, restore(kept));
    const event = await this.#nextEvent(flow);
    return event === undefined ? null : flow.adopt(event);
  }

  async #nextEvent(flow: HookFlow): Promise<StoredEvent | undefined> {
    const { topics, types } = flow.hook.record;
    const interest = interestIn(topics.map(parseFilter), types);
    const page = await this.bus.read(interest, { cursor: flow.cursor }, 1);
    return page.events[0];
  }
}
