import { parseCursor, SluiceError } from "@sluice/core";

/** Whether `Accept` names `text/event-stream` itself, with a weight above 0: a wildcard does not choose a stream. */
export function acceptsEventStream(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  return accept.split(",").some((range) => {
    const [type, ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    return type === "text/event-stream" && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
  });
}

/** Seconds of `Prefer: wait` (RFC 7240 §4.3); `null` if there is none that is a number of at least 1. */
export function preferredWait(prefer: string | undefined): number | null {
  if (prefer === undefined) return null;
  for (const preference of prefer.split(",")) {
    const match = /^\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?$/i.exec(preference);
    if (match !== null) return Number(match[1]) >= 1 ? Number(match[1]) : null;
  }
  return null;
}

/** The first entity tag that is a cursor, strong or weak; what else is in `If-None-Match` was never ours. */
export function cursorOfTags(ifNoneMatch: string | undefined): string | null {
  if (ifNoneMatch === undefined) return null;
  for (const match of ifNoneMatch.matchAll(/"([^"]*)"/g)) {
    const text = match[1] ?? "";
    if (isCursor(text)) return text;
  }
  return null;
}

function isCursor(text: string): boolean {
  try {
    parseCursor(text);
    return true;
  } catch (error) {
    if (error instanceof SluiceError) return false;
    throw error;
  }
}
