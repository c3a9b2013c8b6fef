import type { Line } from "./line.ts";
import type { State } from "./xml-states.ts";
import { until } from "../support/until.ts";

const STREAM_ERROR = /<(?:stream:)?error\b[^>]*>\s*<([\w-]+)[^>]*urn:ietf:params:xml:ns:xmpp-streams/;
/** A refusal that the stream outlives: of a login, of stream management, of a stanza. */
const REFUSAL = /<(failure|failed)\b[^>]*>\s*<([\w-]+)|<(error)\b[^>]*>\s*<([\w-]+)/;

/**
 * Sends an input, and at once what would go on from there; says what becomes of it: the error that ends the stream, the
 * refusal that it outlives, or "taken".
 */
export async function outcomeOf(line: Line, input: string | Buffer, { next: [text, answer] }: State): Promise<string> {
  const from = line.text.length;
  line.send(input);
  line.send(text);
  const rest = (): string => line.text.slice(from);
  await until("what becomes of it", () => line.end !== null || (answer.test(rest()) && line.isSettled));
  if (line.end === null) {
    const [, kind, condition, error, stanzaError] = REFUSAL.exec(rest()) ?? [];
    return kind === undefined && error === undefined ? "taken" : `${kind ?? error} ${condition ?? stanzaError}`;
  }
  const [, condition] = STREAM_ERROR.exec(rest()) ?? [];
  return [line.end, condition].filter((part) => part !== undefined && part !== "").join(": ") || "closed";
}
