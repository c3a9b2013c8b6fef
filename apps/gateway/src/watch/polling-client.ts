import { setTimeout as sleep } from "node:timers/promises";
import { Agent } from "undici";
import { fetchPage } from "./event-page.ts";
import { askUrl, type Ask, type Ending, type Receiver, type WatchClient } from "./watch-client.ts";

const PAGE_EVENTS = 1000;
/** Between two polls that found nothing, where the operator has not said. */
const INTERVAL_MS = 1000;
const ANSWER_TIMEOUT_MS = 15_000;

/** Follows by asking again and again. */
export const pollingClient: WatchClient = { name: "polling", connect };

async function connect(ask: Ask, receiver: Receiver, signal: AbortSignal): Promise<Ending> {
  const dispatcher = new Agent({ headersTimeout: ANSWER_TIMEOUT_MS, bodyTimeout: ANSWER_TIMEOUT_MS });
  try {
    let { start } = ask;
    while (true) {
      const url = askUrl({ ...ask, start }, "polling");
      url.searchParams.set("limit", String(PAGE_EVENTS));
      const page = await fetchPage(ask, url, dispatcher, signal);
      if ("kind" in page) return page;
      receiver.opened();
      await receiver.take(page.items, page.cursor);
      start = { cursor: page.cursor };
      if (page.items.length < PAGE_EVENTS || page.intervalMs !== null) {
        await sleep(page.intervalMs ?? INTERVAL_MS, undefined, { signal });
      }
    }
  } catch {
    return { kind: "cut", detail: "stopped", retryAfterMs: null, isUnreachable: false };
  } finally {
    await dispatcher.destroy();
  }
}
