import { interestIn, parseFilter, type Bus, type Start, type StoredEvent } from "@sluice/core";
import type { Hooks } from "../hooks/hooks.ts";
import type { LiveHook } from "../hooks/live-hook.ts";
import type { ReadPage } from "@sluice/core";

/** Pages of the log that one answer looks through; the next one goes on where it ended. */
const MAX_PAGES = 20;
const PAGE_EVENTS = 500;

/** What a hook has not been delivered, from the log: waiting, given up, or still ahead. The claim check of REST Hooks. */
export async function missedOf(
  hook: LiveHook,
  hooks: Hooks,
  bus: Bus,
  { start, limit }: { readonly start: Start; readonly limit: number },
): Promise<Omit<ReadPage, "isCaughtUp">> {
  const interest = interestIn(hook.record.topics.map(parseFilter), hook.record.types);
  const dead = new Set((await hooks.dead(hook)).map(({ event }) => event.position));
  const events: StoredEvent[] = [];
  let page = await bus.read(interest, start, PAGE_EVENTS);
  const { gap } = page;
  for (let pages = 1; ; pages += 1) {
    for (const event of page.events) {
      if (!dead.has(event.position) && hook.flow?.isUndelivered(event) === false) continue;
      events.push(event);
      if (events.length === limit) return { events, cursor: event.cursor, gap };
    }
    if (page.events.length === 0 || pages === MAX_PAGES) return { events, cursor: page.cursor, gap };
    // Each page begins where the one before it ended.
    page = await bus.read(interest, { cursor: page.cursor }, PAGE_EVENTS);
  }
}
