import type { IncomingMessage } from "node:http";
import { interestIn, parseCursor, parseFilter, SluiceError, type Bus } from "@sluice/core";
import type { Escort } from "../forwarding/escort.ts";
import { removeField, setField, valuesOf, type HeaderList } from "../forwarding/header-list.ts";
import { appTagsOnly, parseTag, RepresentationTags, tagsOf } from "./representation-tag.ts";
import type { ResourceMatch } from "./resource-rule.ts";

/** What answers of resources need. */
export interface ViewContext {
  readonly bus: Bus;
  readonly prefix: string;
  readonly tags: RepresentationTags;
  /** Up to this position it is not known whether a topic has changed: a change could not be published. */
  readonly doubtfulThrough: () => number;
}

/** Request headers in which a client gives entity tags back. */
const TAG_HEADERS: readonly string[] = ["if-none-match", "if-match", "if-range"];

/**
 * A plain GET or HEAD of a resource, on its way to the app and back. The cursor is taken before the app is asked: a
 * client that reads the resource and then watches it from there can't miss a change in between.
 */
export class ResourceView implements Escort {
  readonly outlivesClient = false;
  readonly #context: ViewContext;
  readonly #match: ResourceMatch;
  readonly #request: IncomingMessage;
  readonly #cursor: string;

  constructor(context: ViewContext, match: ResourceMatch, request: IncomingMessage) {
    this.#context = context;
    this.#match = match;
    this.#request = request;
    this.#cursor = context.bus.cursor;
  }

  answered(answer: IncomingMessage, headers: HeaderList): null {
    const status = answer.statusCode ?? 0;
    const isFound = (status >= 200 && status <= 299) || status === 304;
    if (!isFound) return null;
    headers.push("Link", monitorLink(this.#context.prefix, this.#match.topic, this.#cursor));
    headers.push("Vary", "Accept, Prefer");
    if (this.#match.rule.hasPollCache) this.#tag(answer, headers);
    return null;
  }

  over(): void {
    // Nothing was begun.
  }

  #tag(answer: IncomingMessage, headers: HeaderList): void {
    const { statusCode } = answer;
    const isPart = this.#request.headers.range !== undefined;
    if ((statusCode !== 200 && statusCode !== 304) || isPart || !RepresentationTags.canBind(answer.headers.vary))
      return;
    const appTag = answer.headers.etag ?? (statusCode === 304 ? this.#onlyAppTag() : null);
    const tag = appTag === undefined ? null : this.#context.tags.make(this.#request, this.#cursor, appTag);
    if (tag !== null) setField(headers, "ETag", tag);
  }

  /** The app's tag that a 304 without one is about; `undefined` if there were several. */
  #onlyAppTag(): string | undefined {
    const tags = tagsOf(appTagsOnly(this.#request.headers["if-none-match"] ?? "") ?? "");
    return tags.length === 1 ? tags[0] : undefined;
  }
}

/** The `Link` (RFC 8288) under which a resource's changes after a cursor are found; `rel` is of RFC 5989. */
export function monitorLink(prefix: string, topic: string, cursor: string): string {
  const encoded = encodeURIComponent(topic.toWellFormed()).replaceAll(/%(?:2F|3A|2C|24|40)/g, decodeURIComponent);
  return `<${prefix}/events?topic=${encoded}&after=${cursor}>; rel="monitor"`;
}

/**
 * The tag of a poll that needs no app: one that the gateway gave for just such a request, and nothing of the topic is
 * newer. `null` if the app must be asked.
 */
export async function freshTag(
  context: ViewContext,
  match: ResourceMatch,
  request: IncomingMessage,
): Promise<string | null> {
  for (const tag of tagsOf(request.headers["if-none-match"] ?? "")) {
    const parsed = parseTag(tag);
    if (parsed === null || !context.tags.isFor(request, parsed)) continue;
    // Seldom more than one: the client has it from an answer of ours.
    if (await isFresh(context, match.topic, parsed.cursor)) return tag;
  }
  return null;
}

async function isFresh({ bus, doubtfulThrough }: ViewContext, topic: string, cursor: string): Promise<boolean> {
  try {
    if (parseCursor(cursor).position <= doubtfulThrough()) return false;
    const page = await bus.read(interestIn([parseFilter(topic)]), { cursor }, 1);
    return page.events.length === 0 && page.gap === null;
  } catch (error) {
    if (error instanceof SluiceError) return false;
    throw error;
  }
}

/** Gives the app its own entity tags back, in the headers of a request for it. */
export function restoreAppTags(headers: HeaderList): void {
  for (const name of TAG_HEADERS) {
    const values = valuesOf(headers, name);
    if (values.length === 0 || !values.some((value) => tagsOf(value).some((tag) => parseTag(tag) !== null))) continue;
    const restored = appTagsOnly(values.join(", "));
    if (restored === null) removeField(headers, name);
    else setField(headers, name, restored);
  }
}

/** The cursor of a tag of the gateway's among those of `If-None-Match`: where a long poll of the same URL goes on. */
export function cursorOfTag(ifNoneMatch: string | undefined): string | null {
  for (const tag of tagsOf(ifNoneMatch ?? "")) {
    const parsed = parseTag(tag);
    if (parsed !== null) return parsed.cursor;
  }
  return null;
}
