import { newEventId, parseCursor, StoredEvent, type Bus, type Clock } from "@sluice/core";
import { requestOf } from "../engine/delivery.ts";
import { outcomeOf } from "../engine/outcome.ts";
import type { Answer } from "../sending/sender.ts";
import type { SenderLink } from "../sending/sender-link.ts";
import type { LiveHook } from "./live-hook.ts";
import { jsonPayload } from "./payload.ts";

/** What came of a test. */
export interface TestResult {
  readonly outcome: string;
  readonly status: number | null;
  readonly error: string | null;
  readonly durationMs: number;
  readonly response: string | null;
}

/** Sends a hook's target a signed event that is in no log. */
export async function testHook(
  hook: LiveHook,
  { bus, clock, sender }: { readonly bus: Bus; readonly clock: Clock; readonly sender: SenderLink },
): Promise<TestResult> {
  const topic = hook.record.topics[0]?.replaceAll(/\*+/g, "test") ?? "test";
  const event = new StoredEvent({
    epoch: parseCursor(bus.cursor).epoch,
    position: bus.head,
    id: newEventId(clock, topic),
    topic,
    type: "hook.test",
    time: new Date(clock.now()).toISOString(),
    data: JSON.stringify({ hook: hook.id, test: true }),
    dataContentType: null,
  });
  const startedMs = clock.monotonic();
  const request = requestOf(hook, event, jsonPayload(event.json), clock.now());
  const answer = await sender.send(request, hook.record.secrets);
  const { kind } = outcomeOf(answer, clock.now());
  // A test is not tried again, nor waits.
  const outcome = kind === "retry" || kind === "wait" ? "failed" : kind;
  return resultOf(answer, outcome, clock.monotonic() - startedMs);
}

function resultOf(answer: Answer, outcome: string, durationMs: number): TestResult {
  const isAnswered = answer.kind === "answered";
  return {
    outcome,
    status: isAnswered ? answer.status : null,
    error: isAnswered ? null : answer.error,
    durationMs: Math.round(durationMs),
    response: isAnswered ? answer.text : null,
  };
}
