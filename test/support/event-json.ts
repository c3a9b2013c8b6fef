/** What an event's JSON says its cursor is. */
export function cursorOf(json: string): string {
  return (JSON.parse(json) as { cursor: string }).cursor;
}

/** The data of each event. */
export function dataOf(events: readonly string[]): unknown[] {
  return events.map((json) => (JSON.parse(json) as { data: unknown }).data);
}

/** The topic of each event. */
export function topicsOf(events: readonly string[]): string[] {
  return events.map((json) => (JSON.parse(json) as { topic: string }).topic);
}

/** The whole numbers from the first to the last. */
export function upTo(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
