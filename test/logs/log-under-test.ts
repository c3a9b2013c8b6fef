import { setImmediate as turn } from "node:timers/promises";
import {
  interestOf,
  parseFilter,
  type Clause,
  type EventDraft,
  type EventLog,
  type Interest,
  type Page,
  type Retention,
  type StoredEvent,
} from "@sluice/core";
import type { ManualClock } from "@sluice/core/testing";

/** Limits that no test meets. */
export const UNLIMITED: Retention = { ageMs: 1e12, events: 1e9, bytes: 1e12 };

/** What a log is opened with. */
export interface OpenOptions {
  readonly retention: Retention;
  readonly deduplicationMs: number;
  readonly clock: ManualClock;
}

/** One log, from its first opening to its end. */
export interface LogUnderTest {
  /** The log as it is open now. */
  readonly log: EventLog;
  /** Ends it, in good order or not, and opens what is left of it again. */
  restart(how: "close" | "crash"): Promise<EventLog>;
  dispose(): Promise<void>;
}

/** A kind of log. */
export interface LogKind {
  readonly name: string;
  /** Whether a log that is opened again is the same. */
  readonly isDurable: boolean;
  /** Random runs of the model test that fit into its time. */
  readonly modelRuns: number;
  open(options: OpenOptions): Promise<LogUnderTest>;
}

let drafted = 0;

/** An event of which the test cares about a part. */
export function draft(part: Partial<EventDraft> = {}): EventDraft {
  drafted += 1;
  return {
    id: `e${drafted}`,
    topic: "orders/1",
    type: "message",
    time: "2026-11-23T02:15:00.123Z",
    data: `{"n":${drafted}}`,
    dataContentType: null,
    ...part,
  };
}

/** So many drafts. */
export function drafts(count: number, part: Partial<EventDraft> = {}): readonly EventDraft[] {
  return Array.from({ length: count }, () => draft(part));
}

/** An interest from texts: `orders/*`, or `orders/* created,updated` for some types only. */
export function interest(...texts: readonly string[]): Interest {
  return interestOf(
    texts.map((text): Clause => {
      const [filter = "", types] = text.split(" ");
      return { filter: parseFilter(filter), types: types === undefined ? null : new Set(types.split(",")) };
    }),
  );
}

/** Waits, turn by turn of the event loop, until something holds. */
export async function settled(what: string, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + 30_000;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`Waited in vain for: ${what}`);
    await turn();
  }
}

/** Waits until everything up to a position has been trimmed, and no more. */
export function trimmedThrough(log: EventLog, position: number): Promise<void> {
  return settled(`everything through ${position} is trimmed`, () => log.bounds().trimmedThrough >= position);
}

/** All pages from a position on, each checked against what it was asked for. */
export async function readAll(
  log: EventLog,
  query: { readonly interest: Interest; readonly after: number; readonly limit?: number; readonly limitBytes?: number },
): Promise<{ readonly events: readonly StoredEvent[]; readonly gapUntil: number | null; readonly position: number }> {
  const { limit = 100, limitBytes = 1e9 } = query;
  const events: StoredEvent[] = [];
  let gapUntil: number | null = null;
  let after = query.after;
  for (;;) {
    const page: Page = await log.read({ interest: query.interest, after, limit, limitBytes });
    checkPage(page, after, limit, limitBytes);
    events.push(...page.events);
    gapUntil ??= page.gapUntil;
    if (page.isCaughtUp) return { events, gapUntil, position: page.position };
    after = page.position;
  }
}

function checkPage(page: Page, after: number, limit: number, limitBytes: number): void {
  if (page.position < after) throw new Error("a page goes back");
  if (page.position === after && !page.isCaughtUp) throw new Error("a page gets nowhere");
  if (page.events.length > limit) throw new Error("a page has too many events");
  const sizes = page.events.map(({ json }) => Buffer.byteLength(json));
  const bytesBeforeLast = sizes.slice(0, -1).reduce((sum, size) => sum + size, 0);
  if (page.events.length > 1 && bytesBeforeLast >= limitBytes) throw new Error("a page goes on past its bytes");
  let last = after;
  for (const { position } of page.events) {
    if (position <= last || position > page.position) throw new Error("a page is out of order");
    last = position;
  }
}
