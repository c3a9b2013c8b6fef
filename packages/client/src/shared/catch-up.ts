import { Attempt } from "../attempt.ts";
import { backoffMs } from "../backoff.ts";
import type { Credentials } from "../credentials.ts";
import type { Ending } from "../ending.ts";
import type { Item } from "../event.ts";
import { longPolling, polling } from "../polling.ts";
import { sleep } from "../sleep.ts";
import type { SluiceError } from "../sluice-error.ts";
import type { Ask, Start, Tools, Transport } from "../transport.ts";

/** Takes what was missed, page by page. Whether it is enough. */
export type TakePage = (items: readonly Item[], cursor: string) => boolean;

/**
 * Reads what a tab has missed, by itself: from `start` on until a page is empty or `take` has had enough. Answers the
 * fault if it is refused, `null` when it is done or stopped.
 */
export async function catchUp(
  ask: Omit<Ask, "start" | "token">,
  start: Start,
  who: Credentials,
  tools: Tools,
  signal: AbortSignal,
  take: TakePage,
): Promise<SluiceError | null> {
  let from = start;
  let transport: Transport = polling;
  // One attempt after the other.
  for (let attempts = 0; !signal.aborted; attempts += 1) {
    const ending = await readPages(transport, ask, from, who, tools, signal, (items, cursor) => {
      attempts = 0;
      from = { after: cursor };
      return take(items, cursor);
    });
    if (ending.how === "stopped" || ending.how === "full") return null;
    const { how, error } = ending;
    if (how === "off" && transport === polling) transport = longPolling;
    else if (how === "off" || (how === "refused" && !(error.isAboutAccess && (await who.renew())))) return error;
    else await sleep(backoffMs(attempts, error.retryAfterMs, tools.clock.random()), signal, tools.clock);
  }
  return null;
}

async function readPages(
  transport: Transport,
  ask: Omit<Ask, "start" | "token">,
  start: Start,
  who: Credentials,
  tools: Tools,
  signal: AbortSignal,
  take: TakePage,
): Promise<Ending> {
  // Between two pages there is nothing to wait for.
  const attempt = new Attempt(signal, { ...tools, timing: { ...tools.timing, pollMs: 0, waitMs: 1000 } });
  const receiver = {
    opened: () => {},
    take(items: readonly Item[], cursor: string | null): boolean {
      if (take(items, cursor as string) || items.length === 0) attempt.end({ how: "stopped" });
      return true;
    },
    room: async () => {},
    steerable: () => {},
  };
  try {
    await transport({ ...ask, start, token: await who.current() }, receiver, attempt);
  } catch (error) {
    attempt.fail("cut", String(error), error);
  }
  attempt.fail("cut", "The connection ended");
  return attempt.done;
}
