import { EndedEarly, readLine, Unreadable, type ByteReader, type Reading } from "./byte-reader.ts";

/** Start line and fields of a message (RFC 9112 §2.1), field names in lower case. */
export interface HttpHead {
  readonly startLine: string;
  readonly fields: ReadonlyMap<string, string>;
}

const MAX_LINE_BYTES = 64 * 1024;
const MAX_FIELDS = 200;
const LINE_END = Buffer.from("\r\n");

/**
 * Reads a head, the empty line included.
 * @throws {Unreadable}
 */
export function* readHead(reader: ByteReader): Reading<HttpHead> {
  const fields = new Map<string, string>();
  const startLine = yield* readText(reader);
  for (let count = 0; count <= MAX_FIELDS; count += 1) {
    const line = yield* readText(reader);
    if (line === "") return { startLine, fields };
    const colon = line.indexOf(":");
    if (colon < 1) throw new Unreadable("a field without a name");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const former = fields.get(name);
    fields.set(name, former === undefined ? value : `${former}, ${value}`);
  }
  throw new Unreadable("too many fields");
}

/** Whether a field that is a list has the token: `connection: keep-alive, Upgrade`. */
export function hasToken(head: HttpHead, field: string, token: string): boolean {
  const tokens = head.fields.get(field)?.toLowerCase().split(",") ?? [];
  return tokens.some((text) => text.trim() === token);
}

/** Whether its content is of the type, parameters aside. */
export function isOfType(head: HttpHead, type: string): boolean {
  return head.fields.get("content-type")?.split(";")[0]?.trim().toLowerCase() === type;
}

function* readText(reader: ByteReader): Reading<string> {
  const line = yield* readLine(reader, MAX_LINE_BYTES);
  if (line === null) throw new EndedEarly();
  reader.piece.show(line);
  reader.piece.show(LINE_END);
  return line.toString("latin1");
}
