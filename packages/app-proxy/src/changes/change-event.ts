import type { IncomingMessage } from "node:http";
import {
  SluiceError,
  toDraft,
  traceParentOf,
  type Clock,
  type EventDraft,
  type PublicationOptions,
} from "@sluice/core";
import { decodeBody } from "./content-decoding.ts";
import { valuesOf } from "../forwarding/header-list.ts";
import type { ChangeMethod } from "../resources/resource-rule.ts";

/** A request that changed a resource, and the app's word on it. */
export interface Change {
  readonly method: ChangeMethod;
  /** As requested, without its query: that may hold what is nobody's business. */
  readonly path: string;
  /** Topic of the resource. */
  readonly topic: string;
  /** `traceparent` of the request. */
  readonly traceParent: string | undefined;
  readonly answer: IncomingMessage;
  /** The answer's body as it came, if it was all there and not too large. */
  readonly body: Buffer | null;
}

/** An event made of a change. */
export interface ChangeEvent {
  readonly draft: EventDraft;
  /** What was wrong with the app's own wishes, for the operator. */
  readonly fault: SluiceError | null;
}

const TYPES: Readonly<Record<ChangeMethod, string>> = {
  POST: "created",
  PUT: "updated",
  PATCH: "updated",
  DELETE: "deleted",
};

const JSON_TYPE = /^(?:application|text)\/json$|^[\w.!#$&^-]+\/[\w.!#$&^+-]+\+json$/;

/** Whether a body of that answer is JSON: `application/json`, or any type with `+json`. */
export function isJson(answer: IncomingMessage): boolean {
  const [type = ""] = (answer.headers["content-type"] ?? "").split(";");
  return JSON_TYPE.test(type.trim().toLowerCase());
}

/** Whether the app wants no event for its answer. */
export function isPublishOff(answer: IncomingMessage): boolean {
  return valuesOf(answer.rawHeaders, "sluice-publish").some((value) => value.trim().toLowerCase() === "off");
}

/**
 * The event of a change. Its data is the JSON of the answer as the app wrote it; else, and where it is larger than
 * `eventBytes`, `{"method","path","status"}`. `Sluice-Topic` and `Sluice-Type` count more than the resource's topic and
 * the method. If they can't be used, the event goes to the resource's own topic and without the app's data, since that
 * may not be for those who read there. A `traceparent` of the answer, which the app began within the request's trace,
 * counts more than the request's.
 */
export async function changeEvent(change: Change, eventBytes: number, clock: Clock): Promise<ChangeEvent> {
  const { method, topic, answer } = change;
  const type = method === "PUT" && answer.statusCode === 201 ? "created" : TYPES[method];
  const traceParent = traceParentOf(answer.headers["traceparent"]) ?? change.traceParent;
  const options = { eventBytes, clock, traceParent };
  try {
    const wishes = { topic: wish(answer, "sluice-topic") ?? topic, type: wish(answer, "sluice-type") ?? type };
    const plain = toDraft(
      { ...wishes, dataText: summary(change) },
      { ...options, eventBytes: Number.MAX_SAFE_INTEGER },
    );
    const dataText = await jsonOf(change, eventBytes);
    if (dataText === null) return { draft: plain, fault: null };
    return { draft: withData(plain, { ...wishes, dataText }, options), fault: null };
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    const draft = toDraft(
      { topic, type, dataText: summary(change) },
      { ...options, eventBytes: Number.MAX_SAFE_INTEGER },
    );
    return { draft, fault: error };
  }
}

function withData(
  plain: EventDraft,
  input: { readonly topic: string; readonly type: string; readonly dataText: string },
  options: PublicationOptions,
): EventDraft {
  try {
    return toDraft(input, options);
  } catch (error) {
    if (error instanceof SluiceError && error.code === "too-large") return plain;
    throw error;
  }
}

function summary({ method, path, answer }: Change): string {
  return JSON.stringify({ method, path, status: answer.statusCode });
}

/** The JSON text of the answer; `null` if it has none that is whole, valid and not too large. */
async function jsonOf({ answer, body }: Change, eventBytes: number): Promise<string | null> {
  if (body === null || body.length === 0 || !isJson(answer)) return null;
  const decoded = await decodeBody(body, answer.headers["content-encoding"] ?? "", eventBytes);
  return decoded === null ? null : jsonText(decoded);
}

/** The text of a body that is JSON in UTF-8; `null` if it is none. */
export function jsonText(body: Buffer): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    JSON.parse(text);
    return text;
  } catch {
    return null;
  }
}

/** What the app asks for in a header, percent-decoded: header fields have no place for more than ASCII. */
function wish(answer: IncomingMessage, name: string): string | undefined {
  const values = valuesOf(answer.rawHeaders, name);
  const text = values[0]?.trim() ?? "";
  if (text === "") return undefined;
  const field = name === "sluice-topic" ? "topic" : "type";
  if (values.length > 1) throw new SluiceError("invalid-event", `The app gave more than one ${name}.`, { field });
  try {
    return decodeURIComponent(Buffer.from(text, "latin1").toString("utf8"));
  } catch (cause) {
    throw new SluiceError("invalid-event", `The app's ${name} is not percent-encoded UTF-8.`, { field, cause });
  }
}
