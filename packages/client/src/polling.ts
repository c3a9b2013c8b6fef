import type { Attempt } from "./attempt.ts";
import { gapOf, type GapJson, type SluiceEvent } from "./event.ts";
import { sleep } from "./sleep.ts";
import type { Ask, Receiver } from "./transport.ts";

/** Events of one page at the most. */
const PAGE_EVENTS = 500;

/** A page of so many bytes may have been cut off by the gateway's limit on batches: more may be there. */
const FULL_BYTES = 32_768;

/** One answer to a poll. */
interface Page {
  readonly events: readonly SluiceEvent[];
  readonly cursor: string;
  readonly gap?: GapJson;
}

/** Asks again and again. */
export function polling(ask: Ask, receiver: Receiver, attempt: Attempt): Promise<void> {
  return follow(ask, receiver, attempt, 0);
}

/** Asks, and lets the gateway wait with its answer until there is an event. */
export function longPolling(ask: Ask, receiver: Receiver, attempt: Attempt): Promise<void> {
  return follow(ask, receiver, attempt, Math.max(1, Math.round(attempt.tools.timing.waitMs / 1000)));
}

// One page after the other: each begins where the one before ended.
async function follow(ask: Ask, receiver: Receiver, attempt: Attempt, waitSeconds: number): Promise<void> {
  const { clock, timing } = attempt.tools;
  let { start } = ask;
  // The first answer is to come soon: it shows that somebody is there, and brings the cursor without which a cut would
  // lose what happens meanwhile.
  let wait = Math.min(waitSeconds, 1);
  while (!attempt.isOver) {
    attempt.alarm(wait * 1000 + timing.connectMs, "cut", "No answer in time");
    const response = await (wait > 0
      ? attempt.get({ ...ask, start }, "long-polling", { limit: PAGE_EVENTS, wait })
      : attempt.get({ ...ask, start }, "polling", { limit: PAGE_EVENTS }));
    if (response === null) return;
    const text = await response.text();
    const { cursor, events, gap } = JSON.parse(text) as Page;
    const items = gap === undefined ? [...events] : [gapOf(gap), ...events];
    attempt.calm();
    if (attempt.isOver) return;
    receiver.opened();
    start = { after: cursor };
    wait = waitSeconds;
    if (!receiver.take(items, cursor, text.length)) await receiver.room();
    const intervalMs = Number(response.headers.get("x-poll-interval")) * 1000;
    const isFull = events.length >= PAGE_EVENTS || text.length >= FULL_BYTES;
    if (intervalMs > 0 || (wait === 0 && !isFull)) {
      await sleep(intervalMs || timing.pollMs, attempt.signal, clock);
    }
  }
}
