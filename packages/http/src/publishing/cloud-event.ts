import type { IncomingHttpHeaders } from "node:http";
import {
  eachEvent,
  MAX_EVENTS_PER_PUBLICATION,
  elementTexts,
  memberTexts,
  parseJson,
  SluiceError,
  toDraft,
  type EventDraft,
  type PublicationOptions,
} from "@sluice/core";
import { textOf } from "./publish-body.ts";
import { headerOf } from "../reading/read-parameters.ts";

/**
 * CloudEvents 1.0 as they come in by HTTP. `subject` is the topic; `source` must be there and is not kept (events that go
 * out have the gateway's own); extension attributes are not kept.
 */
const REQUIRED = ["specversion", "id", "source", "type", "subject"] as const;
const JSON_TYPE = /^[\w.+-]+\/(?:json|[\w.+-]+\+json)$/;

/** Structured mode. @throws {SluiceError} `invalid-json`, `invalid-event`, `invalid-topic`, `too-large` */
export function structuredEvent(text: string, options: PublicationOptions): EventDraft[] {
  return [structured(text, parseJson(text), options)];
}

/** Batched mode. @throws {SluiceError} as {@link structuredEvent}, with the index */
export function structuredBatch(text: string, options: PublicationOptions): EventDraft[] {
  const parsed = parseJson(text);
  if (!Array.isArray(parsed)) throw new SluiceError("invalid-event", "A batch must be a JSON array.");
  if (parsed.length === 0)
    throw new SluiceError("invalid-event", `The batch is empty; it takes 1 to ${MAX_EVENTS_PER_PUBLICATION} events.`);
  if (parsed.length > MAX_EVENTS_PER_PUBLICATION)
    throw new SluiceError(
      "invalid-event",
      `The batch has ${parsed.length} events; it takes 1 to ${MAX_EVENTS_PER_PUBLICATION}.`,
    );
  const texts = elementTexts(text);
  return eachEvent(parsed, (event: unknown, index) => structured(texts[index] ?? "", event, options));
}

/** Whether headers carry an event's attributes. */
export function isBinaryMode(headers: IncomingHttpHeaders): boolean {
  return REQUIRED.some((name) => headers[`ce-${name}`] !== undefined);
}

/** Binary mode: attributes in `ce-*` headers, data in the body. @throws {SluiceError} as {@link structuredEvent} */
export function binaryEvent(
  headers: IncomingHttpHeaders,
  mediaType: string,
  body: Buffer,
  options: PublicationOptions,
): EventDraft {
  const attributes: Record<string, unknown> = {};
  for (const name of [...REQUIRED, "time"]) {
    const value = headerOf(headers, `ce-${name}`);
    if (value !== undefined) attributes[name] = percentDecoded(name, value);
  }
  const isJson = mediaType === "" ? body.length === 0 : JSON_TYPE.test(mediaType);
  if (isJson && body.length > 0) {
    const text = textOf(body);
    parseJson(text);
    return draft(attributes, { dataText: text.trim() }, options);
  }
  if (body.length === 0) return draft(attributes, { dataText: "null" }, options);
  const dataContentType = headers["content-type"] ?? "application/octet-stream";
  return draft(attributes, { dataBase64: body.toString("base64"), dataContentType }, options);
}

function structured(text: string, parsed: unknown, options: PublicationOptions): EventDraft {
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new SluiceError("invalid-event", "A CloudEvent must be a JSON object.");
  }
  const event = parsed as Record<string, unknown>;
  const { data, data_base64: base64, datacontenttype: type } = event;
  const dataText = Object.hasOwn(event, "data") ? memberTexts(text).get("data") : undefined;
  if (dataText !== undefined && base64 !== undefined) {
    throw new SluiceError("invalid-event", "A CloudEvent has data or data_base64, not both.", { field: "data_base64" });
  }
  if (base64 !== undefined) return draft(event, { dataBase64: base64, dataContentType: type }, options);
  // CloudEvents JSON format §3.1.1: a string under a media type that is not JSON is that text itself.
  if (typeof data === "string" && typeof type === "string" && !isJsonType(type)) {
    return draft(event, { dataBase64: Buffer.from(data).toString("base64"), dataContentType: type }, options);
  }
  return draft(event, { dataText: dataText ?? "null" }, options);
}

interface Payload {
  readonly dataText?: string;
  readonly dataBase64?: unknown;
  readonly dataContentType?: unknown;
}

function draft(attributes: Record<string, unknown>, payload: Payload, options: PublicationOptions): EventDraft {
  for (const name of REQUIRED) {
    if (typeof attributes[name] === "string") continue;
    throw new SluiceError("invalid-event", `A CloudEvent needs ${name}, a string.`, { field: name });
  }
  if (attributes["specversion"] !== "1.0") {
    throw new SluiceError("invalid-event", "The specversion must be 1.0.", { field: "specversion" });
  }
  const { subject, type, id, time, traceparent: traceParent } = attributes;
  return toDraft({ topic: subject, type, id, time: time ?? undefined, traceParent, ...payload }, options);
}

function isJsonType(type: string): boolean {
  return JSON_TYPE.test((type.split(";")[0] ?? "").trim().toLowerCase());
}

/** CloudEvents HTTP binding §3.1.3.2. */
function percentDecoded(name: string, value: string): string {
  try {
    return decodeURIComponent(value);
  } catch (error) {
    throw new SluiceError("invalid-event", `ce-${name} is not percent-encoded UTF-8.`, { field: name, cause: error });
  }
}
