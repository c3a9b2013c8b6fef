import { readLine, Unreadable, type ByteReader, type ByteSource, type Reading } from "./byte-reader.ts";
import { eventIn, eventLabel, parseJson } from "./event-text.ts";
import type { Sight, Tell } from "./talk.ts";

/** What a frame's lines say, as far as it matters here (WHATWG HTML §9.2). */
interface Fields {
  readonly data: readonly string[];
  readonly event: string | null;
  readonly hasRetry: boolean;
  readonly comment: string | null;
}

const MAX_LINE_BYTES = 1024 * 1024;
const MAX_LINES = 1000;
const LINE_END = Buffer.from("\n");

/**
 * Reads a stream of Server-Sent Events to its end, a frame for each arrow.
 * @throws {Unreadable}
 */
export function* readFrames(reader: ByteReader, body: ByteSource, answerTo: number | null, tell: Tell): Reading {
  for (;;) {
    const lines = yield* readBlock(reader, body);
    if (lines === null) break;
    tell({ ...sightOf(fieldsOf(lines)), answerTo }, reader.take());
  }
  // The last chunk, which is empty.
  if (reader.piece.bytes > 0) tell({ what: "frame", label: "end of the stream", answerTo }, reader.take());
}

/** The lines up to an empty one; `null` at the end of the stream. */
function* readBlock(reader: ByteReader, body: ByteSource): Reading<string[] | null> {
  const lines: string[] = [];
  while (lines.length < MAX_LINES) {
    const line = yield* readLine(body, MAX_LINE_BYTES);
    if (line === null) return lines.length === 0 ? null : lines;
    reader.piece.show(line);
    reader.piece.show(LINE_END);
    if (line.length === 0) return lines;
    lines.push(line.toString());
  }
  throw new Unreadable("a frame of too many lines");
}

function fieldsOf(lines: readonly string[]): Fields {
  const valuesOf = (name: string): string[] =>
    lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).replace(/^ /, ""));
  return {
    data: valuesOf("data"),
    event: valuesOf("event").at(-1) ?? null,
    hasRetry: valuesOf("retry").length > 0,
    comment: valuesOf("")[0] ?? null,
  };
}

function sightOf({ data, event, hasRetry, comment }: Fields): Sight {
  if (event === "gap") return { what: "frame", label: "gap" };
  if (data.length > 0) {
    const told = eventIn(parseJson(Buffer.from(data.join("\n"))));
    return { what: "event", label: told === null ? (event ?? "event") : eventLabel(told), events: 1 };
  }
  if (hasRetry) return { what: "frame", label: comment?.startsWith("cursor") === true ? "start" : "retry" };
  return { what: "heartbeat", label: "heartbeat" };
}
