import type { StoredEvent } from "@sluice/core";
import type { HookFormat } from "./hook.ts";

/** What is sent of an event, before it is signed. */
export interface Payload {
  readonly body: Uint8Array;
  /** Names and values by turns. */
  readonly headers: readonly string[];
}

/** What a payload depends on beside the event. */
export interface PayloadOptions {
  readonly format: HookFormat;
  readonly hookId: string;
  /** Event and target as the hook has them. */
  readonly event: string;
  readonly target: string;
  /** Where a `thin` delivery is read from: scheme, host and prefix. */
  readonly readUrl: string;
}

const JSON_TYPE = ["content-type", "application/json"] as const;

/**
 * Makes the payloads of events. Those that are the same for all hooks of a format are made once, however many hooks there
 * are, and kept as long as the event is.
 */
export class Payloads {
  readonly #source: string;
  readonly #made = new Map<HookFormat, WeakMap<StoredEvent, Payload>>();
  /** How many were made, for tests of just that. */
  madeCount = 0;

  /** @param source of CloudEvents */
  constructor(source: string) {
    this.#source = source;
  }

  of(event: StoredEvent, options: PayloadOptions): Payload {
    const { format } = options;
    if (format === "resthooks" || format === "thin") return this.#make(event, options);
    let ofFormat = this.#made.get(format);
    if (ofFormat === undefined) {
      ofFormat = new WeakMap();
      this.#made.set(format, ofFormat);
    }
    let payload = ofFormat.get(event);
    if (payload === undefined) {
      payload = this.#make(event, options);
      ofFormat.set(event, payload);
    }
    return payload;
  }

  #make(event: StoredEvent, options: PayloadOptions): Payload {
    this.madeCount += 1;
    switch (options.format) {
      case "standard":
        return jsonPayload(event.json);
      case "resthooks":
        return jsonPayload(restHook(event, options));
      case "thin":
        return jsonPayload(thin(event, options.readUrl));
      case "raw":
        return { body: dataOf(event), headers: ["content-type", mediaTypeOf(event)] };
      case "cloudevents-structured":
        return {
          body: bytesOf(structured(event, this.#source)),
          headers: ["content-type", "application/cloudevents+json"],
        };
      case "cloudevents-binary":
      default:
        return { body: dataOf(event), headers: binaryHeaders(event, this.#source) };
    }
  }
}

/** The payload of a JSON text. */
export function jsonPayload(text: string): Payload {
  return { body: bytesOf(text), headers: JSON_TYPE };
}

function dataOf(event: StoredEvent): Uint8Array {
  return bytesOf(event.data, event.dataContentType === null ? "utf8" : "base64");
}

/** In memory of its own: from Node's pool, a few bytes would take the whole pool along to the thread that sends them. */
function bytesOf(text: string, encoding: BufferEncoding = "utf8"): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text, encoding));
  const written = bytes.write(text, encoding);
  // The length that base64 has is a guess where its text is not canonical.
  return written === bytes.length ? bytes : bytes.subarray(0, written);
}

function mediaTypeOf(event: StoredEvent): string {
  return event.dataContentType ?? "application/json";
}

/** The data of an event as JSON text: bytes are the base64 of them. */
function dataText(event: StoredEvent): string {
  return event.dataContentType === null ? event.data : JSON.stringify(event.data);
}

function restHook(event: StoredEvent, { hookId, event: name, target }: PayloadOptions): string {
  const hook = JSON.stringify({ id: hookId, event: name === "" ? event.type : name, target });
  return `{"hook":${hook},"data":${dataText(event)},"payload":${event.json}}`;
}

function thin({ id, topic, type, time, cursor, epoch, position }: StoredEvent, readUrl: string): string {
  const before = `${epoch}-${(position - 1).toString(36)}`;
  const url = `${readUrl}/events?topic=${encodeURIComponent(topic)}&after=${before}&limit=1`;
  return JSON.stringify({ id, topic, type, time, cursor, url });
}

/** CloudEvents 1.0, JSON format. */
function structured(event: StoredEvent, source: string): string {
  const head = JSON.stringify({
    specversion: "1.0",
    id: event.id,
    source,
    type: event.type,
    subject: event.topic,
    time: event.time,
    cursor: event.cursor,
    datacontenttype: mediaTypeOf(event),
  });
  const name = event.dataContentType === null ? "data" : "data_base64";
  return `${head.slice(0, -1)},"${name}":${dataText(event)}}`;
}

/** CloudEvents 1.0, HTTP binding §3.1.3.2: values are percent-encoded where they are not printable ASCII. */
function binaryHeaders(event: StoredEvent, source: string): readonly string[] {
  return [
    "content-type",
    mediaTypeOf(event),
    "ce-specversion",
    "1.0",
    "ce-id",
    event.id,
    "ce-source",
    percentEncoded(source),
    "ce-type",
    event.type,
    "ce-subject",
    percentEncoded(event.topic),
    "ce-time",
    event.time,
    "ce-cursor",
    event.cursor,
  ];
}

function percentEncoded(text: string): string {
  return text.replace(/[^\x21-\x7e]|["%]/gu, (character) => encodeURIComponent(character.toWellFormed()));
}
