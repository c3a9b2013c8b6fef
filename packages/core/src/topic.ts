import { SluiceError } from "./errors.ts";

/** The most bytes (UTF-8) that a topic or filter may have. */
const TOPIC_MAX_BYTES = 255;
/** The most segments that a topic or filter may have. */
const TOPIC_MAX_SEGMENTS = 16;
/** First segment of the gateway's own topics: readable with a grant, never publishable. */
export const SYSTEM_SEGMENT = "$sys";

/** A topic, or a pattern over topics. Made by {@link parseFilter}. */
export interface Filter {
  /** The filter as written, for instance `orders/*`. */
  readonly text: string;
  readonly segments: readonly string[];
  /** Whether a segment is `*` or `**`; else the filter is one topic. */
  readonly isPattern: boolean;
}

// Printable: no control, format, surrogate, private or unassigned character and no separator. The two
// joiners (U+200C, U+200D) are let in, since Persian and emoji are not written without them.
const SEGMENT = /^(?:[^\p{C}\p{Z}/*#?%\\]|[\u200c\u200d])+$/u;
const PLAIN_TOPIC = /^[A-Za-z0-9_$:@~=+,;-]+(?:\/[A-Za-z0-9_$:@~=+,;-]+)*$/;

function fault(text: string): string | undefined {
  if (text.length === 0) return "it is empty";
  if (Buffer.byteLength(text) > TOPIC_MAX_BYTES) return `it is longer than ${TOPIC_MAX_BYTES} bytes`;
  return undefined;
}

function segmentFault(segment: string): string | undefined {
  if (segment.length === 0) return "a segment is empty";
  if (segment === "." || segment === "..") return 'a segment may not be "." or ".."';
  if (!SEGMENT.test(segment))
    return "a segment may hold printable characters only, without white space and / * # ? % \\";
  return undefined;
}

function topicFault(text: string): string | undefined {
  const whole = fault(text);
  if (whole !== undefined) return whole;
  const segments = text.split("/");
  if (segments.length > TOPIC_MAX_SEGMENTS) return `it has more than ${TOPIC_MAX_SEGMENTS} segments`;
  if (PLAIN_TOPIC.test(text)) return undefined;
  for (const segment of segments) {
    const found = segmentFault(segment);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether `text` is a topic (`$sys/…` included). */
export function isTopic(text: string): boolean {
  return topicFault(text) === undefined;
}

/** Whether the topic or filter is about the gateway's own events. */
export function isSystemTopic(text: string): boolean {
  return text === SYSTEM_SEGMENT || text.startsWith(`${SYSTEM_SEGMENT}/`);
}

/**
 * Checks a topic that somebody wants to publish to.
 * @throws {SluiceError} `invalid-topic`
 */
export function checkPublishTopic(text: string): string {
  const found = topicFault(text) ?? (isSystemTopic(text) ? "topics under $sys are the gateway's own" : undefined);
  if (found !== undefined)
    throw new SluiceError("invalid-topic", `The topic can't be used: ${found}.`, { field: "topic" });
  return text;
}

/**
 * Reads a filter: a topic in which a whole segment may be `*` (one segment) and the last `**` (one or more).
 * @throws {SluiceError} `invalid-filter`
 */
export function parseFilter(text: string): Filter {
  const whole = fault(text);
  if (whole !== undefined) throw invalidFilter(whole);
  const segments = text.split("/");
  if (segments.length > TOPIC_MAX_SEGMENTS) throw invalidFilter(`it has more than ${TOPIC_MAX_SEGMENTS} segments`);
  let isPattern = false;
  for (const [index, segment] of segments.entries()) {
    if (segment === "*" || segment === "**") {
      isPattern = true;
      if (segment === "**" && index !== segments.length - 1) throw invalidFilter("** may only be its last segment");
      continue;
    }
    const found = segmentFault(segment);
    if (found !== undefined) throw invalidFilter(segment.includes("*") ? "* and ** stand for whole segments" : found);
  }
  return Object.freeze({ text, segments, isPattern });
}

function invalidFilter(why: string): SluiceError {
  return new SluiceError("invalid-filter", `The topic filter can't be used: ${why}.`, { field: "topic" });
}

/** Whether the filter matches the topic. `*` and `**` as first segment don't match `$sys`. */
export function matches(filter: Filter, topic: string): boolean {
  return filter.isPattern ? matchSegments(filter.segments, topic.split("/")) : filter.text === topic;
}

function matchSegments(pattern: readonly string[], topic: readonly string[]): boolean {
  for (const [index, segment] of pattern.entries()) {
    const part = topic[index];
    if (part === undefined) return false;
    const isWild = segment === "*" || segment === "**";
    if (isWild && index === 0 && part === SYSTEM_SEGMENT) return false;
    if (segment === "**") return true;
    if (!isWild && segment !== part) return false;
  }
  return pattern.length === topic.length;
}

/** Whether everything that `asked` can match is matched by `grant` too: what a grant must do to grant a pattern. */
export function covers(grant: Filter, asked: Filter): boolean {
  for (const [index, segment] of grant.segments.entries()) {
    const part = asked.segments[index];
    if (part === undefined) return false;
    if (index === 0 && segment.startsWith("*") && part === SYSTEM_SEGMENT) return false;
    if (segment === "**") return true;
    if (part === "**") return false;
    if (segment !== "*" && segment !== part) return false;
  }
  return grant.segments.length === asked.segments.length;
}
