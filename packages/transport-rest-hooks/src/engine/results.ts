import type { Clock, Gap, Logger } from "@sluice/core";
import { KEPT_ATTEMPTS, keep, type LiveHook } from "../hooks/live-hook.ts";
import type { Answer } from "../sending/sender.ts";
import type { HookStore } from "../store/hook-store.ts";
import { attemptOf, type AttemptTime } from "./attempt.ts";
import type { HookFigures } from "./hook-figures.ts";
import type { Job } from "./lane.ts";
import type { Origin } from "./origin.ts";
import { outcomeOf, type Outcome, type OutcomeName } from "./outcome.ts";
import { jittered } from "./schedule.ts";

/** What is told of hooks, at once and before anything else is sent to them. */
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

/** Options of {@link Results}. */
export interface ResultsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: HookStore;
  readonly figures: HookFigures;
  readonly events: EngineEvents;
  /** Milliseconds that never step back, near the wall clock. */
  readonly nowMs: () => number;
  /** The waits before attempt 1, 2, … of a hook's events. */
  readonly scheduleOf: (hook: LiveHook) => readonly number[];
  /** The origin's pause is over. */
  readonly onPauseOver: (origin: Origin) => void;
}

/** A request that was answered, or was not. */
export interface Result {
  readonly job: Job;
  readonly answer: Answer;
  readonly time: AttemptTime;
  /** The gap that the request told. */
  readonly gap: Gap | null;
  /** Whether it was to see if the target is well again. */
  readonly isProbe: boolean;
}

/** 429 without a usable `Retry-After`: doubling with each in a row. */
const THROTTLE_MS = 30_000;
const THROTTLE_MAX_MS = 30 * 60_000;
/** After a pause the hooks of an origin don't begin all at once. */
export const SPREAD_MS = 1000;

type Retry = Extract<Outcome, { kind: "retry" }>;

/** Does what follows from what requests came to: for the event, its lane, its hook and the target. */
export class Results {
  readonly #options: ResultsOptions;

  constructor(options: ResultsOptions) {
    this.#options = options;
  }

  /** Counts, records and concludes. */
  take(result: Result): void {
    const outcome = outcomeOf(result.answer, this.#options.clock.now());
    const name = this.#nameOf(result, outcome);
    this.#count(result, name);
    if (name !== "shutdown") this.#record(result, name);
    this.#conclude(result, outcome);
  }

  /** A retry that will not be is no retry. */
  #nameOf(result: Result, outcome: Outcome): OutcomeName {
    if (outcome.kind !== "retry" || !matters(result) || this.#nextWaitMs(result, outcome) !== undefined)
      return outcome.kind;
    return result.job.flow.hook.record.onExhausted === "block" ? "blocked" : "dead";
  }

  #conclude(result: Result, outcome: Outcome): void {
    const { job, isProbe } = result;
    const { flow } = job;
    const { hook } = flow;
    const { events, store, nowMs } = this.#options;
    if (!matters(result)) {
      if (job.isHeld) store.note({ kind: "defer", hook: hook.id, lane: job.lane, dueAtMs: nowMs() });
      return;
    }
    switch (outcome.kind) {
      case "delivered":
        this.#delivered(result);
        return;
      case "gone":
        events.gone(hook);
        return;
      case "forbidden":
        this.#forbidden(result);
        return;
      case "shutdown":
        flow.again(job);
        return;
      case "wait":
        this.#wait(job, outcome.waitMs);
        if (isProbe) events.probed(hook, false);
        return;
      case "retry":
      default:
        this.#retry(result, outcome);
    }
  }

  #delivered({ job, isProbe, gap }: Result): void {
    const { flow } = job;
    const { hook } = flow;
    const { events, clock, nowMs } = this.#options;
    hook.origin?.succeeded();
    hook.breaker.succeeded(clock.monotonic());
    hook.throttles = 0;
    const hasTold = gap !== null && hook.record.gap === gap;
    hook.record = { ...hook.record, succeededAtMs: nowMs(), failures: 0, ...(hasTold ? { gap: null } : {}) };
    if (hasTold) events.changed(hook);
    // One success is enough, also of a request that was under way when the breaker opened.
    if (isProbe || hook.record.status === "failing") events.probed(hook, true);
    flow.settled(job);
  }

  #forbidden({ job, answer, isProbe }: Result): void {
    const { flow } = job;
    const { hook } = flow;
    const { events, figures, logger, nowMs } = this.#options;
    const reason = answer.kind === "failed" ? answer.reason : "";
    figures.blockedTargets += 1;
    logger.warn({ hook: hook.id, reason }, "a hook's target may not be reached");
    if (isProbe) {
      // It is disabled already, and what it holds may still be sent one day.
      flow.hold(job, { attempts: job.attempts, step: job.step, dueAtMs: nowMs() });
      events.probed(hook, false);
      return;
    }
    this.#bury(job, job.attempts + 1, "forbidden");
    events.forbidden(hook);
  }

  #wait(job: Job, askedMs: number | null): void {
    const { hook } = job.flow;
    const { clock, nowMs, onPauseOver } = this.#options;
    hook.throttles += 1;
    const waitMs = askedMs ?? Math.min(THROTTLE_MS * 2 ** (hook.throttles - 1), THROTTLE_MAX_MS);
    const untilMs = nowMs() + waitMs;
    const { origin } = hook;
    if (origin !== null) {
      origin.pause(untilMs);
      clock.after(waitMs, () => onPauseOver(origin));
    }
    const dueAtMs = Math.round(untilMs + SPREAD_MS * clock.random());
    job.flow.hold(job, { attempts: job.attempts, step: job.step, dueAtMs });
  }

  #retry(result: Result, outcome: Retry): void {
    const { job, isProbe } = result;
    const { flow } = job;
    const { hook } = flow;
    const { events, clock, nowMs } = this.#options;
    const attempts = job.attempts + 1;
    const step = stepAfter(result, outcome);
    const waitMs = this.#nextWaitMs(result, outcome);
    if (waitMs !== undefined) flow.hold(job, { attempts, step, dueAtMs: nowMs() + jittered(waitMs, clock.random()) });
    else if (hook.record.onExhausted === "block") flow.hold(job, { attempts, step, dueAtMs: null });
    else this.#bury(job, attempts, Number.isFinite(outcome.tries) ? "refused" : "exhausted");
    const hasOpened = outcome.isFailure && this.#blame(hook, outcome.isOverloaded);
    if (isProbe) events.probed(hook, false);
    else if (hasOpened && hook.record.status === "active") events.failing(hook);
  }

  /** The wait before the event is tried again; `undefined`: it is not, by itself. */
  #nextWaitMs(result: Result, outcome: Retry): number | undefined {
    const step = stepAfter(result, outcome);
    return step < outcome.tries ? this.#options.scheduleOf(result.job.flow.hook)[step] : undefined;
  }

  /** Counts a failure of the target; whether that has opened its breaker. */
  #blame(hook: LiveHook, isOverloaded: boolean): boolean {
    if (isOverloaded) hook.origin?.overloaded();
    hook.record = { ...hook.record, failures: hook.record.failures + 1 };
    return hook.breaker.failed(this.#options.clock.monotonic());
  }

  #bury(job: Job, attempts: number, reason: string): void {
    const { flow, event } = job;
    const { figures, store, nowMs } = this.#options;
    figures.deadLetters += 1;
    store.note({
      kind: "dead",
      hook: flow.hook.id,
      number: flow.hook.attempts,
      letter: { event: keep(event), attempts, reason, atMs: nowMs() },
    });
    flow.settled(job);
  }

  #record({ job, answer, time }: Result, outcome: OutcomeName): void {
    const { hook } = job.flow;
    hook.attempts += 1;
    this.#options.store.note({
      kind: "attempt",
      hook: hook.id,
      slot: hook.attempts % KEPT_ATTEMPTS,
      number: hook.attempts,
      attempt: attemptOf(job, outcome, answer, time),
    });
  }

  #count({ job, answer, time }: Result, outcome: OutcomeName): void {
    const { figures, clock } = this.#options;
    figures.attempted(outcome, answer.kind === "failed" ? answer.error : null, time.durationMs);
    const { receivedAtMs } = job.event;
    if (outcome === "delivered" && receivedAtMs > 0) {
      figures.ackSeconds.observe(clock.monotonic() - receivedAtMs);
    }
  }
}

/** Since the request began the hook may have ended, or gone to another place in the log: then nothing of it matters. */
function matters({ job: { flow } }: Result): boolean {
  return flow.hook.flow === flow && flow.hook.record.status !== "gone";
}

/** What is sent to see whether the target is well does not use up the event's schedule. */
function stepAfter({ job, isProbe }: Result, { isFailure }: Retry): number {
  return isProbe && isFailure ? job.step : job.step + 1;
}
