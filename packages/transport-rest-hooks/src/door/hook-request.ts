import { parseFilter, parseJson, SluiceError } from "@sluice/core";
import type { HookFormat, HookOrdering, HookVerify } from "../hooks/hook.ts";
import type { HookPatch } from "../hooks/hooks.ts";
import { isSecret } from "../sending/signer.ts";

/** What a request says of a hook: only what it says is there. */
export interface HookRequest extends HookPatch {
  readonly secret?: string;
}

/** Names that the dialects in the wild give to the same thing; the first is ours. */
const ALIASES = {
  target: ["target_url", "target", "url", "hookUrl"],
  events: ["event", "events", "event_name", "eventKey"],
  topics: ["topic", "topics"],
} as const;

const FORMATS: readonly HookFormat[] = [
  "standard",
  "resthooks",
  "cloudevents-binary",
  "cloudevents-structured",
  "raw",
  "thin",
];
const ORDERINGS: readonly HookOrdering[] = ["topic", "hook", "none"];
const VERIFIES: readonly HookVerify[] = ["none", "x-hook-secret", "ce-options"];
const EXHAUSTED = ["skip", "block"] as const;

const TYPE = /^[A-Za-z0-9._-]{1,128}$/;
const DURATION = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const MAX_LIST = 100;
const MAX_STEPS = 20;
const MAX_WAIT_MS = 30 * 86_400_000;
const MAX_LEASE_SECONDS = 10 * 365 * 86_400;

type Members = Readonly<Record<string, unknown>>;

/**
 * Reads a request's JSON. Members that mean nothing here are passed over: clients of the dialects send more.
 * @throws {SluiceError} `invalid-json`, `invalid-hook` naming the member, `invalid-filter`
 */
export function parseHookRequest(text: string, nowMs: number): HookRequest {
  const body = parseObject(text);
  const request: { -readonly [Key in keyof HookRequest]: HookRequest[Key] } = {};
  const target = oneOf(body, ALIASES.target);
  if (target !== undefined) {
    if (typeof target.value !== "string" || target.value === "") throw invalid(target.name, "a URL is expected");
    request.target = target.value;
  }
  const events = oneOf(body, ALIASES.events);
  if (events !== undefined) request.types = typesOf(events.name, events.value);
  const topics = oneOf(body, ALIASES.topics);
  if (topics !== undefined) request.topics = textsOf(topics.name, topics.value).map((topic) => parseFilter(topic).text);
  const format = choice(body, "format", FORMATS);
  if (format !== undefined) request.format = format;
  const ordering = choice(body, "ordering", ORDERINGS);
  if (ordering !== undefined) request.ordering = ordering;
  const verify = choice(body, "verify", VERIFIES);
  if (verify !== undefined) request.verify = verify;
  const onExhausted = choice(body, "on_exhausted", EXHAUSTED);
  if (onExhausted !== undefined) request.onExhausted = onExhausted;
  if (body["schedule"] !== undefined) request.scheduleMs = scheduleOf(body["schedule"]);
  const secret = body["secret"] ?? undefined;
  if (secret !== undefined) {
    if (typeof secret !== "string" || !isSecret(secret))
      throw invalid("secret", "whsec_ and base64 of 24–64 bytes are expected");
    request.secret = secret;
  }
  const expiresAtMs = expiryOf(body, nowMs);
  if (expiresAtMs !== undefined) request.expiresAtMs = expiresAtMs;
  return request;
}

/** The object that a body is; an empty one is an empty object. @throws {SluiceError} `invalid-json`, `invalid-hook` */
export function parseObject(text: string): Members {
  if (text.trim() === "") return {};
  const parsed = parseJson(text);
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new SluiceError("invalid-hook", "A JSON object is expected.");
  }
  return parsed as Members;
}

/** A member that can't be used. */
export function invalid(field: string, why: string): SluiceError {
  return new SluiceError("invalid-hook", `The hook can't be used as it is: ${field}: ${why}.`, { field });
}

function oneOf(
  body: Members,
  names: readonly string[],
): { readonly name: string; readonly value: unknown } | undefined {
  const name = names.find((known) => body[known] !== undefined && body[known] !== null);
  return name === undefined ? undefined : { name, value: body[name] };
}

function textsOf(name: string, value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0 || list.length > MAX_LIST) throw invalid(name, `1 to ${MAX_LIST} are expected`);
  return [...new Set(list)].map((text) => {
    if (typeof text !== "string") throw invalid(name, "a text or a list of texts is expected");
    return text;
  });
}

/** `*` is every type. */
function typesOf(name: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.length === 0) return [];
  const texts = textsOf(name, value);
  if (texts.includes("*")) return [];
  for (const text of texts) if (!TYPE.test(text)) throw invalid(name, "a type is 1–128 of A–Z a–z 0–9 . _ -");
  return texts;
}

function choice<Value extends string>(body: Members, name: string, values: readonly Value[]): Value | undefined {
  const given = body[name];
  if (given === undefined || given === null) return undefined;
  const known = values.find((value) => value === given);
  if (known === undefined) throw invalid(name, `one of ${values.join(", ")} is expected`);
  return known;
}

function scheduleOf(value: unknown): readonly number[] | null {
  if (value === null) return null;
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_STEPS) {
    throw invalid("schedule", `a list of 1 to ${MAX_STEPS} waits is expected`);
  }
  return (value as readonly unknown[]).map((step) => {
    const waitMs = typeof step === "number" ? step * 1000 : durationMs(step);
    if (!(waitMs >= 0 && waitMs <= MAX_WAIT_MS))
      throw invalid("schedule", 'a wait is seconds or a text like "5m", up to 30d');
    return Math.round(waitMs);
  });
}

function durationMs(text: unknown): number {
  const match = typeof text === "string" ? DURATION.exec(text) : null;
  return match === null ? Number.NaN : Number(match[1]) * (UNIT_MS[match[2] ?? ""] ?? Number.NaN);
}

function expiryOf(body: Members, nowMs: number): number | null | undefined {
  const date = body["expiration_date"];
  const lease = body["lease_seconds"];
  if (date === null || lease === null) return null;
  if (date !== undefined) {
    const atMs = typeof date === "string" ? Date.parse(date) : Number.NaN;
    if (Number.isNaN(atMs) || atMs <= nowMs) throw invalid("expiration_date", "a time to come is expected");
    return atMs;
  }
  if (lease === undefined) return undefined;
  if (typeof lease !== "number" || !(lease >= 1 && lease <= MAX_LEASE_SECONDS)) {
    throw invalid("lease_seconds", "seconds, at least 1, are expected");
  }
  return nowMs + Math.round(lease * 1000);
}
