import { type Filter, memberTexts, parseCursor, parseFilter, SluiceError, type Start } from "@sluice/core";

/** `topics` of one message at the most; how many a connection may have is the operator's limit. */
const MAX_TOPICS = 100;
const MAX_TYPES = 100;
/** The newest N events that may be asked for. */
const MAX_LAST = 100;
/** Characters of a `ref`, as JSON. */
const MAX_REF = 128;
const TYPE = /^[A-Za-z0-9._-]{1,128}$/;
const TOKEN = /^[\x21-\x7e]+$/;

/** A client's message, read as far as `op` and `ref`. */
export interface ClientMessage {
  readonly op: string;
  /** What an answer repeats: `,"ref":1`, or nothing if there was none. */
  readonly ref: string;
  /** The whole message, to cut texts out of. */
  readonly text: string;
  readonly members: Readonly<Record<string, unknown>>;
}

/** A fault of a message, with the `ref` that its answer is to carry. */
export class MessageFault extends SluiceError {
  readonly ref: string;

  constructor(detail: string, field: string | undefined, ref: string) {
    super("invalid-message", detail, { field });
    this.ref = ref;
  }
}

/** @throws {MessageFault} */
export function parseMessage(text: string): ClientMessage {
  const members = parseObject(text);
  const ref = refMember(members["ref"], text);
  const { op } = members;
  if (typeof op !== "string")
    throw new MessageFault("A message needs an op: subscribe, unsubscribe, publish, auth or ping.", "op", ref);
  return { op, ref, text, members };
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MessageFault("The message is not valid JSON.", undefined, "");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new MessageFault("A message must be a JSON object.", undefined, "");
  }
  return value as Record<string, unknown>;
}

/** The `ref` as the client wrote it: a number beyond a double's precision comes back unchanged. */
function refMember(ref: unknown, text: string): string {
  if (ref === undefined) return "";
  if (typeof ref === "string" || typeof ref === "number") {
    const written = typeof ref === "string" ? JSON.stringify(ref) : (memberTexts(text).get("ref") ?? "");
    if (written.length <= MAX_REF) return `,"ref":${written}`;
  }
  throw new MessageFault(`ref must be a string or a number, as JSON at most ${MAX_REF} characters.`, "ref", "");
}

/** What a `subscribe` asks for. */
export interface SubscribeRequest {
  readonly filters: readonly Filter[];
  readonly types: readonly string[];
  readonly start: Start;
  /** Whether `after` or `last` was given, and so the end of the replay is told. */
  readonly hasStart: boolean;
}

/** @throws {SluiceError} `invalid-message`, `invalid-filter` or `invalid-cursor` */
export function readSubscribe(message: ClientMessage): SubscribeRequest {
  const { after, last, types = [] } = message.members;
  if (
    !Array.isArray(types) ||
    types.length > MAX_TYPES ||
    !types.every((type) => typeof type === "string" && TYPE.test(type))
  ) {
    throw fault(message, "types", `types must be an array of at most ${MAX_TYPES} event types.`);
  }
  if (after !== undefined && last !== undefined)
    throw fault(message, "last", "A subscribe has after or last, not both.");
  return {
    filters: readTopics(message).map(parseFilter),
    types: types as string[],
    start: last === undefined ? startAfter(message, after) : startLast(message, last),
    hasStart: after !== undefined || last !== undefined,
  };
}

function startAfter(message: ClientMessage, after: unknown): Start {
  if (after === undefined || after === "latest") return "latest";
  if (after === "earliest") return "earliest";
  if (typeof after !== "string") throw fault(message, "after", "after must be a cursor, earliest or latest.");
  parseCursor(after);
  return { cursor: after };
}

function startLast(message: ClientMessage, last: unknown): Start {
  if (typeof last === "number" && Number.isInteger(last) && last >= 0 && last <= MAX_LAST) return { last };
  throw fault(message, "last", `last must be a whole number from 0 to ${MAX_LAST}.`);
}

/** The `topics` of a message as written. @throws {SluiceError} `invalid-message` */
export function readTopics(message: ClientMessage): readonly string[] {
  const { topics } = message.members;
  if (!Array.isArray(topics) || topics.length === 0 || !topics.every((topic) => typeof topic === "string")) {
    throw fault(message, "topics", "topics must be an array of at least one topic or filter.");
  }
  if (topics.length > MAX_TOPICS) throw fault(message, "topics", `At most ${MAX_TOPICS} topics in one message.`);
  return topics;
}

/** The texts of the `events` of a publish, and what they mean. @throws {SluiceError} `invalid-message` */
export function readEvents(message: ClientMessage): { readonly text: string; readonly parsed: readonly unknown[] } {
  const { events } = message.members;
  if (!Array.isArray(events)) throw fault(message, "events", "events must be an array of events.");
  return { text: memberTexts(message.text).get("events") as string, parsed: events };
}

/** The `token` of an auth. @throws {SluiceError} `invalid-message` */
export function readToken(message: ClientMessage): string {
  const { token } = message.members;
  // It is going to be a header's value: what could end that header is no token.
  if (typeof token === "string" && TOKEN.test(token)) return token;
  throw fault(message, "token", "token must be a string of visible ASCII characters.");
}

function fault(message: ClientMessage, field: string, detail: string): MessageFault {
  return new MessageFault(detail, field, message.ref);
}
