let lastText = "";
let lastTime: number | string = "";

/** What is stored of an event's time: Unix milliseconds if they give the same text back, as of what the gateway makes; else the text. */
export function encodeTime(text: string): number | string {
  // Events that arrive together mostly have the same time, and dates are slow.
  if (text === lastText) return lastTime;
  const timeMs = Date.parse(text);
  lastText = text;
  lastTime = Number.isNaN(timeMs) || new Date(timeMs).toISOString() !== text ? text : timeMs;
  return lastTime;
}

/** The text of a stored time. */
export function decodeTime(stored: unknown): string {
  return typeof stored === "number" ? new Date(stored).toISOString() : String(stored);
}
