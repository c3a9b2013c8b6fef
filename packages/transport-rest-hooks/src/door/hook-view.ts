import type { LiveHook } from "../hooks/live-hook.ts";
import type { DeadLetter, NumberedAttempt } from "../store/store-messages.ts";

/** A hook as its owner sees it. The secret is shown when it is made, and never again. */
export function hookView(hook: LiveHook, options: { readonly hasSecret: boolean; readonly hasOwner: boolean }): object {
  const { record } = hook;
  const [secret] = record.secrets;
  return {
    id: record.id,
    target_url: record.target,
    target: record.target,
    event: record.types[0] ?? null,
    events: record.types,
    topic: record.topics[0] ?? null,
    topics: record.topics,
    status: record.status,
    reason: record.reason,
    status_since: iso(record.statusAtMs),
    format: record.format,
    ordering: record.ordering,
    on_exhausted: record.onExhausted,
    verify: record.verify,
    schedule: record.scheduleMs?.map((waitMs) => waitMs / 1000) ?? null,
    created: iso(record.createdAtMs),
    ...(record.expiresAtMs === null ? {} : { expiration_date: iso(record.expiresAtMs) }),
    cursor: hook.flow?.cursor ?? null,
    waiting: hook.flow?.heldLanes ?? 0,
    ...(options.hasOwner ? { owner: record.owner } : {}),
    ...(options.hasSecret && secret !== undefined ? { secret: secret.text } : {}),
  };
}

/** An attempt as its owner sees it. */
export function attemptView(attempt: NumberedAttempt): object {
  return {
    number: attempt.number,
    event_id: attempt.eventId,
    topic: attempt.topic,
    cursor: attempt.cursor,
    attempt: attempt.attempt,
    at: iso(attempt.atMs),
    duration_ms: attempt.durationMs,
    outcome: attempt.outcome,
    status: attempt.status,
    error: attempt.error,
    response: attempt.response,
  };
}

/** A dead letter as its owner sees it. */
export function deadView({ event, attempts, reason, atMs }: DeadLetter): object {
  return { event_id: event.id, topic: event.topic, type: event.type, attempts, reason, at: iso(atMs) };
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}
