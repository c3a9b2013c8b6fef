import type { OrderEvent, ReaderListener } from "./reader.ts";

/** What the gateway answers to a poll, short or long. */
interface EventsPage {
  readonly events: readonly OrderEvent[];
  /** Where the next question goes on, also where there are no events. */
  readonly cursor: string;
  /** What is missing before the events, since the log no longer holds it. */
  readonly gap?: unknown;
}

/** For an answer that need not wait for anything. Longer, and the connection is dead, though nobody has said so. */
const PATIENCE_MS = 20_000;

/**
 * Asks once, and hands over what comes. The cursor to go on from; `null` if nothing is new (`304`).
 * @param waitMs how long the gateway was asked to wait for something to tell
 * @throws {Error} if there was no proper answer
 */
export async function askOnce(
  url: string,
  init: RequestInit & { readonly signal: AbortSignal },
  listener: ReaderListener,
  waitMs: number,
): Promise<string | null> {
  const signal = AbortSignal.any([init.signal, AbortSignal.timeout(PATIENCE_MS + waitMs)]);
  const response = await fetch(url, { ...init, signal });
  if (response.status === 304) return null;
  if (!response.ok) throw new Error(`the gateway answers ${response.status}`);
  const { events, cursor, gap } = (await response.json()) as EventsPage;
  if (gap !== undefined) listener.gap();
  for (const event of events) listener.event(event);
  return cursor;
}
