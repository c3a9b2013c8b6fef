import { endingOf, fetchInit, networkError, readUrl } from "./answer.ts";
import { Attempt } from "./attempt.ts";
import { gapOf, type GapJson, type Item, type SluiceEvent } from "./event.ts";
import { SluiceError } from "./sluice-error.ts";
import type { Ask, Ending, Tools } from "./transport.ts";

/** Events of one page at the most. */
export const PAGE_EVENTS = 500;

/** One answer to a poll. */
export interface Page {
  readonly items: readonly Item[];
  readonly cursor: string;
  readonly sizeBytes: number;
  /** Milliseconds that the gateway asks to wait before the next one; `null` if it doesn't. */
  readonly intervalMs: number | null;
}

/** Asks for a page; `waitSeconds` 0: for what is there. */
export async function fetchPage(
  ask: Ask,
  waitSeconds: number,
  signal: AbortSignal,
  tools: Tools,
): Promise<Page | Ending> {
  const attempt = new Attempt(signal, tools);
  const url = readUrl(ask, waitSeconds > 0 ? "long-polling" : "polling");
  url.searchParams.set("limit", String(PAGE_EVENTS));
  if (waitSeconds > 0) url.searchParams.set("wait", String(waitSeconds));
  try {
    attempt.alarm(waitSeconds * 1000 + tools.timing.connectMs, "cut", "No answer came in time");
    const response = await tools.fetch(url, fetchInit(ask, attempt.signal, { accept: "application/json" }));
    if (response.status !== 200) return attempt.end(await endingOf(response));
    const page = parsePage(await response.text());
    if (page === null) return attempt.end({ how: "unfit", error: new SluiceError("The answer is no page of events") });
    const seconds = Number(response.headers.get("x-poll-interval"));
    attempt.end({ how: "stopped" });
    return { ...page, intervalMs: seconds > 0 ? seconds * 1000 : null };
  } catch (error) {
    return attempt.end({ how: "cut", error: networkError(error) });
  }
}

/** `null`: not what a gateway answers. */
function parsePage(text: string): Omit<Page, "intervalMs"> | null {
  let page: { readonly events: readonly SluiceEvent[]; readonly cursor: string; readonly gap?: GapJson };
  try {
    page = JSON.parse(text) as typeof page;
  } catch {
    return null;
  }
  const { events, cursor, gap } = page;
  if (!Array.isArray(events) || typeof cursor !== "string") return null;
  const items: readonly Item[] = gap === undefined ? (events as readonly Item[]) : [gapOf(gap), ...events];
  return { items, cursor, sizeBytes: text.length };
}
