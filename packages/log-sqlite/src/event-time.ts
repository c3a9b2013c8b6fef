/** What is stored of an event's time: Unix milliseconds if they give the same text back, as of what the gateway makes; else the text. */
export function encodeTime(text: string): number | string {
  const timeMs = Date.parse(text);
  return Number.isNaN(timeMs) || new Date(timeMs).toISOString() !== text ? text : timeMs;
}

/** The text of a stored time. */
export function decodeTime(stored: unknown): string {
  return typeof stored === "number" ? new Date(stored).toISOString() : String(stored);
}
