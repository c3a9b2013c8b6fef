import { elementTexts, memberTexts } from "@sluice/core";
import { request, type Dispatcher } from "undici";
import { readRefusal, readText } from "../client/answer.ts";
import { askHeaders, cutBy, endingOf, type Ask, type Ending, type GapNote, type Item } from "./watch-client.ts";

const PAGE_MAX_BYTES = 512 * 1024 * 1024;

/** One answer to a poll. */
export interface EventPage {
  readonly items: readonly Item[];
  readonly cursor: string;
  /** What the gateway asks to wait before the next one; `null` if it doesn't. */
  readonly intervalMs: number | null;
}

/** Asks for a page. */
export async function fetchPage(
  ask: Ask,
  url: URL,
  dispatcher: Dispatcher,
  signal: AbortSignal,
): Promise<EventPage | Ending> {
  try {
    const response = await request(url, { dispatcher, signal, headers: askHeaders(ask) });
    if (response.statusCode !== 200) {
      return endingOf(await readRefusal(response.statusCode, response.headers, response.body));
    }
    const interval = Number(response.headers["x-poll-interval"]);
    const page = parsePage(await readText(response.body, PAGE_MAX_BYTES));
    if (page === null) return { kind: "refused", detail: "what answers there is not a gateway" };
    return { ...page, intervalMs: interval > 0 ? interval * 1000 : null };
  } catch (error) {
    return cutBy(error);
  }
}

/** Reads a page's JSON, keeping each event's own text. */
export function parsePage(text: string): Omit<EventPage, "intervalMs"> | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof parsed !== "object" || parsed === null) return null;
  const { cursor, events, gap } = parsed as Readonly<Record<string, unknown>>;
  if (typeof cursor !== "string" || !Array.isArray(events)) return null;
  const items: Item[] = typeof gap === "object" && gap !== null ? [{ kind: "gap", gap: gap as GapNote }] : [];
  for (const json of elementTexts(memberTexts(text).get("events") ?? "[]")) items.push({ kind: "event", json });
  return { items, cursor };
}
