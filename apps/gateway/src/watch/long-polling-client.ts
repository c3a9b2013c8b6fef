import { Agent } from "undici";
import { fetchPage } from "./event-page.ts";
import { askUrl, type Ask, type Ending, type Receiver, type WatchClient } from "./watch-client.ts";

const PAGE_EVENTS = 1000;
/** Short enough for proxies that cut a request that is silent for a minute. */
const WAIT_SECONDS = 30;
const GRACE_MS = 15_000;

/** Follows by asking and waiting for the answer. */
export const longPollingClient: WatchClient = { name: "long-polling", connect };

async function connect(ask: Ask, receiver: Receiver, signal: AbortSignal): Promise<Ending> {
  const timeoutMs = WAIT_SECONDS * 1000 + GRACE_MS;
  const dispatcher = new Agent({ headersTimeout: timeoutMs, bodyTimeout: GRACE_MS });
  try {
    let { start } = ask;
    // The first answer is to come soon: it shows that somebody is there, and brings the cursor without which a cut
    // would lose what happens meanwhile.
    let waitSeconds = 1;
    while (true) {
      const url = askUrl({ ...ask, start }, "long-polling");
      url.searchParams.set("limit", String(PAGE_EVENTS));
      url.searchParams.set("wait", String(waitSeconds));
      const page = await fetchPage(ask, url, dispatcher, signal);
      if ("kind" in page) return page;
      receiver.opened();
      await receiver.take(page.items, page.cursor);
      start = { cursor: page.cursor };
      waitSeconds = WAIT_SECONDS;
    }
  } finally {
    await dispatcher.destroy();
  }
}
