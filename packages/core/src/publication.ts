import { systemClock, type Clock } from "./clock.ts";
import { SluiceError } from "./errors.ts";
import { DEFAULT_TYPE, type EventDraft } from "./event.ts";
import { newEventId } from "./event-id.ts";
import { compact, elementTexts, memberTexts } from "./json-slices.ts";
import { checkPublishTopic } from "./topic.ts";

/** Events of one publication at the most. */
export const MAX_EVENTS_PER_PUBLICATION = 1000;

const ID = /^[A-Za-z0-9_-]{1,128}$/;
const TYPE = /^[A-Za-z0-9._-]{1,128}$/;
const TIME = /^(\d{4})-(\d{2})-(\d{2})[Tt]([01]\d|2[0-3]):(\d{2}):(\d{2})(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;
const MEDIA_TYPE = /^[\w.+-]+\/[\w.+-]+(?:\s*;\s*[\w.+-]+=(?:[\w.+-]+|"[^"\\\r\n]*"))*$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
/** Version 00; later ones begin in the same way, and what they add is not known here. */
const TRACE_PARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const MEMBERS = new Set(["topic", "data", "type", "id", "time", "data_base64", "datacontenttype"]);

/** What a publisher says of an event, before it is checked. */
export interface EventInput {
  readonly topic: unknown;
  readonly type?: unknown;
  readonly id?: unknown;
  readonly time?: unknown;
  /** JSON text of the data. */
  readonly dataText?: string | undefined;
  /** Instead of that: base64 of bytes that are not JSON. */
  readonly dataBase64?: unknown;
  readonly dataContentType?: unknown;
  /** W3C `traceparent` of what caused it; passed over if it is not well-formed. */
  readonly traceParent?: unknown;
}

/** What checking an event needs to know. */
export interface PublicationOptions {
  /** Bytes of one event's data at the most (`limits.event`). */
  readonly eventBytes: number;
  readonly clock?: Clock;
  /** That of the request, for events without one of their own. */
  readonly traceParent?: string | undefined;
}

/**
 * Reads the JSON body of a publication: one event or an array of 1–1000.
 * @throws {SluiceError} `invalid-json`, `invalid-event`, `invalid-topic` or `too-large`, with index and field
 */
export function parsePublication(text: string, options: PublicationOptions): EventDraft[] {
  const parsed = parseJson(text);
  if (!Array.isArray(parsed)) return [draftOf(text, parsed, options)];
  return draftsOf(elementTexts(text), parsed, options);
}

/** The same for events that have been cut out of a larger text: `texts` are theirs, `parsed` what they mean. */
export function draftsOf(
  texts: readonly string[],
  parsed: readonly unknown[],
  options: PublicationOptions,
): EventDraft[] {
  if (parsed.length === 0)
    throw new SluiceError("invalid-event", `The batch is empty; it takes 1 to ${MAX_EVENTS_PER_PUBLICATION} events.`);
  if (parsed.length > MAX_EVENTS_PER_PUBLICATION) {
    throw new SluiceError(
      "invalid-event",
      `The batch has ${parsed.length} events; it takes 1 to ${MAX_EVENTS_PER_PUBLICATION}.`,
    );
  }
  return eachEvent(parsed, (event, index) => draftOf(texts[index] as string, event, options));
}

/** Makes a draft of each; a fault is told with the index of the event. */
export function eachEvent<Input>(
  inputs: readonly Input[],
  make: (input: Input, index: number) => EventDraft,
): EventDraft[] {
  return inputs.map((input, index) => {
    try {
      return make(input, index);
    } catch (error) {
      throw error instanceof SluiceError ? error.at(index) : error;
    }
  });
}

/** @throws {SluiceError} `invalid-json` */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SluiceError("invalid-json", "The body is not valid JSON.", { cause: error });
  }
}

/**
 * Checks one event and completes it with an id, a type and a time.
 * @throws {SluiceError} `invalid-event`, `invalid-topic` or `too-large`, naming the field
 */
export function toDraft(input: EventInput, options: PublicationOptions): EventDraft {
  const clock = options.clock ?? systemClock;
  if (typeof input.topic !== "string")
    throw invalid("topic", input.topic === undefined ? "topic is missing" : "topic must be a string");
  const topic = checkPublishTopic(input.topic);
  const traceParent = traceParentOf(input.traceParent) ?? options.traceParent;
  return {
    topic,
    ...payload(input, options.eventBytes),
    id: input.id === undefined ? newEventId(clock, topic) : match("id", input.id, ID, "1–128 of A–Z a–z 0–9 _ -"),
    type: input.type === undefined ? DEFAULT_TYPE : match("type", input.type, TYPE, "1–128 of A–Z a–z 0–9 . _ -"),
    time: input.time === undefined ? new Date(clock.now()).toISOString() : utc(input.time),
    receivedAtMs: clock.monotonic(),
    ...(traceParent === undefined ? {} : { traceParent }),
  };
}

/** A `traceparent` of W3C Trace Context that is well-formed; one that is not counts as none (§4.3). */
export function traceParentOf(value: unknown): string | undefined {
  return typeof value === "string" && TRACE_PARENT.test(value) ? value : undefined;
}

function draftOf(text: string, parsed: unknown, options: PublicationOptions): EventDraft {
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new SluiceError("invalid-event", "An event must be a JSON object.");
  }
  for (const name of Object.keys(parsed)) {
    if (!MEMBERS.has(name))
      throw invalid(name.slice(0, 64), `an event has no such member, but ${[...MEMBERS].join(", ")}`);
  }
  const event = parsed as Record<string, unknown>;
  return toDraft(
    {
      topic: event["topic"],
      type: event["type"],
      id: event["id"],
      time: event["time"],
      dataText: Object.hasOwn(event, "data") ? memberTexts(text).get("data") : undefined,
      dataBase64: event["data_base64"],
      dataContentType: event["datacontenttype"],
    },
    options,
  );
}

function payload(input: EventInput, maxBytes: number): Pick<EventDraft, "data" | "dataContentType"> {
  if (input.dataText === undefined) return binary(input, maxBytes);
  if (input.dataBase64 !== undefined) throw invalid("data_base64", "an event has data or data_base64, not both");
  const data = compact(input.dataText);
  checkSize(Buffer.byteLength(data), maxBytes);
  return { data, dataContentType: null };
}

function binary(input: EventInput, maxBytes: number): Pick<EventDraft, "data" | "dataContentType"> {
  const { dataBase64, dataContentType } = input;
  if (dataBase64 === undefined) throw invalid("data", "data is missing");
  const data = match("data_base64", dataBase64, BASE64, "base64 with its padding");
  checkSize(data.length, maxBytes);
  const type = dataContentType === undefined ? "application/octet-stream" : dataContentType;
  if (typeof type === "string" && type.length > 255) throw invalid("datacontenttype", "at most 255 characters");
  return { data, dataContentType: match("datacontenttype", type, MEDIA_TYPE, "a media type") };
}

function checkSize(bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return;
  throw new SluiceError("too-large", `The event's data has ${bytes} bytes; ${maxBytes} are the most.`, {
    field: "data",
  });
}

function invalid(field: string, why: string): SluiceError {
  return new SluiceError("invalid-event", `The event can't be taken: ${why}.`, { field });
}

function match(field: string, value: unknown, grammar: RegExp, expected: string): string {
  if (typeof value === "string" && grammar.test(value)) return value;
  throw invalid(field, `${field} must be ${expected}`);
}

/** The time as it was written if it is in UTC, else moved there; a leap second becomes the second before it. */
function utc(value: unknown): string {
  const text = typeof value === "string" ? value.toUpperCase().replace(/:60(?=[.Z+-])/, ":59") : "";
  const parts = TIME.exec(text);
  const atMs = parts === null ? Number.NaN : Date.parse(text);
  if (parts === null || Number.isNaN(atMs) || !isCalendarDay(parts)) {
    throw invalid("time", "time must be RFC 3339, for instance 2026-01-31T12:00:00Z");
  }
  const inUtc = text.endsWith("Z") ? text : new Date(atMs).toISOString();
  // An offset can lead out of the years that RFC 3339 can write.
  if (!TIME.test(inUtc)) throw invalid("time", "time must be in the years 0000 to 9999");
  return inUtc;
}

function isCalendarDay(parts: RegExpExecArray): boolean {
  const [, year, month, day] = parts.map(Number) as [number, number, number, number];
  const date = new Date(Date.UTC(2000, month - 1, day));
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}
