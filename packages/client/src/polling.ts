import { fetchPage, PAGE_EVENTS } from "./page.ts";
import { sleep } from "./sleep.ts";
import type { Ask, Ending, Receiver, Tools } from "./transport.ts";

/** Asks again and again. */
export function polling(ask: Ask, receiver: Receiver, signal: AbortSignal, tools: Tools): Promise<Ending> {
  return follow(ask, receiver, signal, tools, 0);
}

/** Asks, and lets the gateway wait with its answer until there is an event. */
export function longPolling(ask: Ask, receiver: Receiver, signal: AbortSignal, tools: Tools): Promise<Ending> {
  return follow(ask, receiver, signal, tools, Math.max(1, Math.round(tools.timing.waitMs / 1000)));
}

// One page after the other: each begins where the one before ended.
/* oxlint-disable no-await-in-loop */
async function follow(
  ask: Ask,
  receiver: Receiver,
  signal: AbortSignal,
  tools: Tools,
  waitSeconds: number,
): Promise<Ending> {
  let { start } = ask;
  // The first answer is to come soon: it shows that somebody is there, and brings the cursor without which a cut would
  // lose what happens meanwhile.
  let nextWaitSeconds = Math.min(waitSeconds, 1);
  while (!signal.aborted) {
    const page = await fetchPage({ ...ask, start }, nextWaitSeconds, signal, tools);
    if ("how" in page) return page;
    if (signal.aborted) break;
    receiver.opened();
    start = { after: page.cursor };
    nextWaitSeconds = waitSeconds;
    const hasRoom = receiver.take(page.items, page.cursor, page.sizeBytes);
    if (!hasRoom) await receiver.room();
    if (page.intervalMs !== null || (waitSeconds === 0 && page.items.length < PAGE_EVENTS)) {
      await sleep(page.intervalMs ?? tools.timing.pollMs, signal, tools.clock);
    }
  }
  return { how: "stopped" };
}
