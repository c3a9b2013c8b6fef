import type { Bus, Clock, Gap, Logger, Meter, StoredEvent } from "@sluice/core";
import { interestIn, parseFilter } from "@sluice/core";
import { attemptOf } from "./attempt.ts";
import { deliveryOf } from "./delivery.ts";
import { HookFigures } from "./hook-figures.ts";
import { HookFlow, type FlowHost } from "./hook-flow.ts";
import type { Job } from "./lane.ts";
import type { HookStore } from "../store/hook-store.ts";
import { KEPT_ATTEMPTS, keep, restore, type LiveHook } from "../hooks/live-hook.ts";
import { Origin } from "./origin.ts";
import { outcomeOf, type Outcome } from "./outcome.ts";
import type { Payloads } from "../hooks/payload.ts";
import { RetryTimer } from "./retry-timer.ts";
import { jittered } from "./schedule.ts";
import type { Answer } from "../sending/sender.ts";
import type { SenderLink } from "../sending/sender-link.ts";
import type { HeldLane } from "../store/store-messages.ts";
import { Turns } from "./turns.ts";

/** What the engine tells of hooks, at once and before anything else is sent to them. */
export interface EngineEvents {
  /** The target answered 410. */
  gone(hook: LiveHook): void;
  /** The breaker has opened. */
  failing(hook: LiveHook): void;
  /** No request may be made to the target any more. */
  forbidden(hook: LiveHook): void;
  /** A probe, of a hook that is failing or disabled, came to this. */
  probed(hook: LiveHook, isSuccess: boolean): void;
  /** What is stored of the hook has changed. */
  changed(hook: LiveHook): void;
}

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

/** Of one hook at once. */
const PER_HOOK = 5;
/** Part of all slots that retries may take. */
const RETRY_PART = 0.3;
/** 429 without a usable `Retry-After`: doubling with each in a row. */
const THROTTLE_MS = 30_000;
const THROTTLE_MAX_MS = 30 * 60_000;
/** After a pause the hooks of an origin don't begin all at once. */
const SPREAD_MS = 1000;

/** Sends what hooks have to send, sees what comes of it, and what has to be done about it. */
export class Engine implements FlowHost {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly store: HookStore;
  readonly figures: HookFigures = new HookFigures();
  readonly #options: EngineOptions;
  readonly #origins = new Map<string, Origin>();
  readonly #turns: Turns;
  readonly #timer: RetryTimer;
  readonly #wallOffsetMs: number;
  #inFlight = 0;
  #retriesInFlight = 0;
  #isStopped = false;
  #whenIdle: (() => void) | null = null;

  constructor(options: EngineOptions) {
    const { bus, clock, store, logger } = options;
    this.bus = bus;
    this.clock = clock;
    this.store = store;
    this.#options = options;
    this.#wallOffsetMs = clock.now() - clock.monotonic();
    this.#turns = new Turns({
      nowMs: () => this.nowMs(),
      mayBegin: () => this.#inFlight < options.concurrency && !this.#isStopped && !store.isFailing,
      begin: (flow, origin) => this.#begin(flow, origin),
    });
    this.#timer = new RetryTimer({
      store,
      clock,
      logger,
      nowMs: () => this.nowMs(),
      onDue: (lane) => this.#due(lane),
    });
    this.hookOf = () => undefined;
  }

  /** Finds a hook by its id; set by who keeps them. */
  hookOf: (id: string) => LiveHook | undefined;

  get inFlight(): number {
    return this.#inFlight;
  }

  get retriesInFlight(): number {
    return this.#retriesInFlight;
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
    return this.#schedule(hook)[0] ?? 0;
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
    if (this.#inFlight === 0) return;
    const idle = new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
    });
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
    if (origin.hooks === 0 && origin.inFlight === 0) this.#origins.delete(origin.key);
  }

  #schedule(hook: LiveHook): readonly number[] {
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
    if (flow.hook.record.status !== "active" || flow.hook.flow !== flow || flow.inFlight >= PER_HOOK) return;
    const mostRetries = Math.max(1, Math.floor(this.#options.concurrency * RETRY_PART));
    const mayRetry = this.#retriesInFlight < mostRetries && origin.hasRoomForRetry();
    const job = flow.take(mayRetry);
    if (job === null) {
      if (flow.hasWork) this.#turns.starve(flow);
      return;
    }
    void this.#perform(job, false);
    if (flow.hasWork && flow.inFlight < PER_HOOK) this.ready(flow);
  }

  async #perform(job: Job, isProbe: boolean): Promise<void> {
    const { flow } = job;
    const { hook } = flow;
    const { origin } = hook;
    const isRetry = job.attempts > 0;
    const { gap } = hook.record;
    flow.inFlight += 1;
    this.#inFlight += 1;
    if (isRetry) this.#retriesInFlight += 1;
    if (origin !== null) {
      origin.inFlight += 1;
      if (isRetry) origin.retriesInFlight += 1;
    }
    const atMs = this.clock.now();
    const startedMs = this.clock.monotonic();
    const answer = await this.#send(job, atMs, gap);
    const durationMs = this.clock.monotonic() - startedMs;
    flow.inFlight -= 1;
    this.#inFlight -= 1;
    if (isRetry) this.#retriesInFlight -= 1;
    if (origin !== null) {
      origin.inFlight -= 1;
      if (isRetry) origin.retriesInFlight -= 1;
    }
    const outcome = outcomeOf(answer, this.clock.now());
    this.#count(job, outcome, answer, durationMs);
    if (outcome.kind !== "shutdown") this.#record(job, outcome, answer, { atMs, durationMs });
    this.#conclude(job, outcome, answer, { isProbe, gap });
    this.#afterwards(flow, origin, isRetry);
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

  #conclude(
    job: Job,
    outcome: Outcome,
    answer: Answer,
    about: { readonly isProbe: boolean; readonly gap: Gap | null },
  ): void {
    const { flow, event } = job;
    const { hook } = flow;
    const { events } = this.#options;
    // Since it began the hook may have ended, or gone to another place in the log: then nothing of this matters.
    if (hook.flow !== flow || hook.record.status === "gone") {
      if (job.isHeld) this.store.note({ kind: "defer", hook: hook.id, lane: job.lane, dueAtMs: this.nowMs() });
      return;
    }
    switch (outcome.kind) {
      case "delivered":
        this.#delivered(job, about);
        return;
      case "gone":
        events.gone(hook);
        return;
      case "forbidden":
        this.figures.blockedTargets += 1;
        this.#options.logger.warn({ hook: hook.id, reason: reasonOf(answer) }, "a hook's target may not be reached");
        if (about.isProbe) {
          // It is disabled already, and what it holds may still be sent one day.
          flow.hold(job, { attempts: job.attempts, step: job.step, dueAtMs: this.nowMs() });
          events.probed(hook, false);
          return;
        }
        this.#bury(job, job.attempts + 1, "forbidden");
        events.forbidden(hook);
        return;
      case "shutdown":
        flow.again(job);
        return;
      case "wait":
        this.#wait(job, outcome.waitMs);
        if (about.isProbe) events.probed(hook, false);
        return;
      case "retry":
        this.#retry(job, outcome, about.isProbe);
        return;
      default:
        throw new Error(`no such outcome for ${event.id}`);
    }
  }

  #delivered(job: Job, { isProbe, gap }: { readonly isProbe: boolean; readonly gap: Gap | null }): void {
    const { flow } = job;
    const { hook } = flow;
    const { events } = this.#options;
    hook.origin?.succeeded();
    hook.breaker.succeeded(this.clock.monotonic());
    hook.throttles = 0;
    const hasTold = gap !== null && hook.record.gap === gap;
    hook.record = {
      ...hook.record,
      succeededAtMs: this.nowMs(),
      failures: 0,
      ...(hasTold ? { gap: null } : {}),
    };
    if (hasTold) events.changed(hook);
    // One success is enough, also of a request that was under way when the breaker opened.
    if (isProbe || hook.record.status === "failing") events.probed(hook, true);
    flow.settled(job);
  }

  #wait(job: Job, askedMs: number | null): void {
    const { hook } = job.flow;
    hook.throttles += 1;
    const waitMs = askedMs ?? Math.min(THROTTLE_MS * 2 ** (hook.throttles - 1), THROTTLE_MAX_MS);
    const untilMs = this.nowMs() + waitMs;
    const { origin } = hook;
    if (origin !== null) {
      origin.pause(untilMs);
      this.clock.after(waitMs, () => this.#turns.enqueue(origin));
    }
    const dueAtMs = Math.round(untilMs + SPREAD_MS * this.clock.random());
    job.flow.hold(job, { attempts: job.attempts, step: job.step, dueAtMs });
  }

  #retry(job: Job, outcome: Extract<Outcome, { kind: "retry" }>, isProbe: boolean): void {
    const { flow } = job;
    const { hook } = flow;
    const { events } = this.#options;
    const schedule = this.#schedule(hook);
    const attempts = job.attempts + 1;
    // What is sent to see whether the target is well does not use up the event's schedule.
    const step = isProbe && outcome.isFailure ? job.step : job.step + 1;
    const waitMs = schedule[step];
    const isExhausted = step >= Math.min(outcome.tries, schedule.length) || waitMs === undefined;
    if (!isExhausted) {
      flow.hold(job, { attempts, step, dueAtMs: this.nowMs() + jittered(waitMs, this.clock.random()) });
    } else if (hook.record.onExhausted === "block") flow.hold(job, { attempts, step, dueAtMs: null });
    else this.#bury(job, attempts, Number.isFinite(outcome.tries) ? "refused" : "exhausted");
    const hasOpened = outcome.isFailure && this.#blame(hook, outcome.isOverloaded);
    if (isProbe) events.probed(hook, false);
    else if (hasOpened && hook.record.status === "active") events.failing(hook);
  }

  /** Counts a failure of the target; whether that has opened its breaker. */
  #blame(hook: LiveHook, isOverloaded: boolean): boolean {
    if (isOverloaded) hook.origin?.overloaded();
    hook.record = { ...hook.record, failures: hook.record.failures + 1 };
    return hook.breaker.failed(this.clock.monotonic());
  }

  #bury(job: Job, attempts: number, reason: string): void {
    const { flow, event } = job;
    this.figures.deadLetters += 1;
    const letter = { event: keep(event), attempts, reason, atMs: this.nowMs() };
    this.store.note({ kind: "dead", hook: flow.hook.id, letter });
    flow.settled(job);
  }

  #record(
    job: Job,
    outcome: Outcome,
    answer: Answer,
    when: { readonly atMs: number; readonly durationMs: number },
  ): void {
    const { hook } = job.flow;
    hook.attempts += 1;
    this.store.note({
      kind: "attempt",
      hook: hook.id,
      slot: hook.attempts % KEPT_ATTEMPTS,
      number: hook.attempts,
      attempt: attemptOf(job, outcome, answer, when),
    });
  }

  #count(job: Job, outcome: Outcome, answer: Answer, durationMs: number): void {
    this.figures.attempted(outcome.kind, answer.kind === "failed" ? answer.error : null, durationMs);
    const { receivedAtMs } = job.event;
    if (outcome.kind === "delivered" && receivedAtMs > 0) {
      this.figures.ackSeconds.observe(this.clock.monotonic() - receivedAtMs);
    }
  }

  #afterwards(flow: HookFlow, origin: Origin | null, isRetry: boolean): void {
    if (flow.hasWork && flow.isOpen) this.ready(flow);
    if (isRetry) this.#turns.feed();
    if (origin !== null) {
      this.#turns.enqueue(origin);
      if (origin.hooks === 0 && origin.inFlight === 0) this.#origins.delete(origin.key);
    }
    this.#turns.goOn();
    if (this.#inFlight === 0 && this.#isStopped) this.#whenIdle?.();
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

function reasonOf(answer: Answer): string {
  return answer.kind === "failed" ? answer.reason : "";
}
