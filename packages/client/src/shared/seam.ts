import type { Item } from "../event.ts";

/** As many as are remembered of each side of a seam. */
const REMEMBERED_MAX = 10_000;

/**
 * Joins what a tab reads by itself with what is told live, so that each event comes once. Both are without holes and in
 * order, and overlap or meet: what is told begins before the reading ends.
 */
export interface Seam {
  /** Takes what is told; gives what is to be handed over now: nothing as long as the reading goes on. */
  tell(items: readonly Item[]): readonly Item[];
  /** Takes a page; whether it has reached what was told. */
  read(items: readonly Item[]): boolean;
  /** The reading has ended: gives what was told and not read. */
  close(): readonly Item[];
}

/** A seam whose reading is about to begin. */
export function newSeam(): Seam {
  let told: Item[] = [];
  /** Cursors of events that were read and may still be told. */
  const seen = new Set<string>();
  let isReading = true;

  const isNew = (item: Item): boolean => {
    if (item.gap !== undefined || !seen.has(item.cursor)) {
      // Who is told something that it has not read has read nothing of what follows.
      if (item.gap === undefined) seen.clear();
      return true;
    }
    return false;
  };

  return {
    tell(items) {
      if (!isReading) return items.filter(isNew);
      told.push(...items);
      // What is forgotten will be read: the reading goes on until it meets what is left.
      if (told.length > REMEMBERED_MAX) told.splice(0, told.length - REMEMBERED_MAX);
      return [];
    },
    read(items) {
      const live = new Set(told.map((item) => item.gap ?? item.cursor));
      let hasMet = false;
      for (const item of items) {
        if (item.gap !== undefined) continue;
        seen.add(item.cursor);
        hasMet ||= live.has(item.cursor);
        if (seen.size > REMEMBERED_MAX) seen.delete(seen.values().next().value as string);
      }
      return hasMet;
    },
    close() {
      isReading = false;
      const rest = told.filter(isNew);
      told = [];
      return rest;
    },
  };
}
