import type { Job } from "./lane.ts";
import type { OutcomeName } from "./outcome.ts";
import type { Answer } from "../sending/sender.ts";
import type { AttemptRecord } from "../store/store-messages.ts";

/** When a request began, in wall-clock milliseconds, and how long it took. */
export interface AttemptTime {
  readonly atMs: number;
  readonly durationMs: number;
}

/** What is kept of a request and its answer. Never why an address is forbidden: its owner will read this. */
export function attemptOf(
  job: Job,
  outcome: OutcomeName,
  answer: Answer,
  { atMs, durationMs }: AttemptTime,
): AttemptRecord {
  const { event } = job;
  const isAnswered = answer.kind === "answered";
  return {
    eventId: event.id,
    topic: event.topic,
    cursor: event.cursor,
    attempt: job.attempts + 1,
    atMs,
    durationMs: Math.round(durationMs * 100) / 100,
    outcome,
    status: isAnswered ? answer.status : null,
    error: isAnswered ? null : answer.error,
    response: isAnswered && answer.text !== "" ? answer.text : null,
  };
}
