const LEAST_MS = 1000;
const MOST_MS = 24 * 60 * 60 * 1000;
/** RFC 9110 §5.6.7: IMF-fixdate, and the two forms that are obsolete and must be read nevertheless. */
const DATE =
  /^(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT|[A-Z][a-z]+day, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4})$/;

/**
 * What `Retry-After` (RFC 9110 §10.2.3) asks for, in milliseconds from 1 s to 24 h; `null` if it is absent, negative,
 * past, or neither seconds nor a date.
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number | null {
  const text = header?.trim() ?? "";
  if (/^\d+$/.test(text)) return clamp(Number(text) * 1000);
  if (!DATE.test(text)) return null;
  const atMs = Date.parse(text.endsWith("GMT") ? text : `${text} GMT`);
  return Number.isNaN(atMs) || atMs <= nowMs ? null : clamp(atMs - nowMs);
}

function clamp(waitMs: number): number {
  return Math.min(Math.max(waitMs, LEAST_MS), MOST_MS);
}
