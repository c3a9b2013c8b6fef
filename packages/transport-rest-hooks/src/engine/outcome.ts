import { retryAfterMs } from "./retry-after.ts";
import type { Answer } from "../sending/sender.ts";

/** What an answer means: for the event, and for its target. */
export type Outcome =
  | { readonly kind: "delivered" }
  /** Tried again by the schedule, at most `tries` times in all. `isFailure`: the target is to blame. */
  | { readonly kind: "retry"; readonly tries: number; readonly isFailure: boolean; readonly isOverloaded: boolean }
  /** Waits as told (`null`: it was not told how long), and that was no attempt. The whole origin pauses. */
  | { readonly kind: "wait"; readonly waitMs: number | null }
  /** The target is not there any more. */
  | { readonly kind: "gone" }
  /** No request may be made to that address. */
  | { readonly kind: "forbidden" }
  /** The gateway stops. */
  | { readonly kind: "shutdown" };

/** What an attempt is recorded and counted as. `dead`: the last one for its event; `blocked`: the last until somebody asks. */
export type OutcomeName = Outcome["kind"] | "dead" | "blocked";

const NO_MATTER_HOW_OFTEN = Number.POSITIVE_INFINITY;
/** Statuses that say that the event, and not the time, is at fault. */
const REFUSED_TRIES = 3;
const REFUSED: ReadonlySet<number> = new Set([400, 413, 415, 422]);

/** Reads an answer by the table of outcomes. */
export function outcomeOf(answer: Answer, nowMs: number): Outcome {
  if (answer.kind === "failed") {
    if (answer.error === "forbidden") return { kind: "forbidden" };
    if (answer.error === "shutdown") return { kind: "shutdown" };
    // Nobody's fault; but by the schedule, so that an event that ends the thread again and again has an end too.
    if (answer.error === "thread")
      return { kind: "retry", tries: NO_MATTER_HOW_OFTEN, isFailure: false, isOverloaded: false };
    return failure(false);
  }
  const { status, headers } = answer;
  if (status >= 200 && status < 300) return { kind: "delivered" };
  if (status === 410) return { kind: "gone" };
  const waitMs = retryAfterMs(headers["retry-after"], nowMs);
  if (status === 429) return { kind: "wait", waitMs };
  if (status === 503 && waitMs !== null) return { kind: "wait", waitMs };
  if (REFUSED.has(status)) return { kind: "retry", tries: REFUSED_TRIES, isFailure: false, isOverloaded: false };
  return failure(status >= 502 && status <= 504);
}

function failure(isOverloaded: boolean): Outcome {
  return { kind: "retry", tries: NO_MATTER_HOW_OFTEN, isFailure: true, isOverloaded };
}
