import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** An entity tag of the gateway's, taken apart. */
export interface RepresentationTag {
  /** The place in the log before the app was asked for the representation. */
  readonly cursor: string;
  /** The app's own entity tag, with its quotes; `null` if it gave none. */
  readonly appTag: string | null;
  readonly mac: string;
}

const TAG = /^(?:W\/)?"([0-9a-z]{1,16}-[0-9a-z]{1,11})~([A-Za-z0-9_-]{16})~([A-Za-z0-9_-]{0,400})"$/;
const TAGS = /(?:W\/)?"[^"]*"/g;
/** An app's tag that is longer is left as it is. */
const MAX_APP_TAG_LENGTH = 300;

/** Request headers that a representation may depend on without more being said, as `Vary` names them. */
const BOUND: readonly string[] = [
  "host",
  "cookie",
  "authorization",
  "accept",
  "accept-encoding",
  "accept-language",
  "origin",
];

/** The tags of a list such as `If-None-Match` has, each with its quotes; none for `*`. */
export function tagsOf(list: string): readonly string[] {
  return list.match(TAGS) ?? [];
}

/** Reads an entity tag; `null` if it is none of the gateway's. */
export function parseTag(tag: string): RepresentationTag | null {
  const [, cursor, mac, appTag] = TAG.exec(tag) ?? [];
  if (cursor === undefined || mac === undefined || appTag === undefined) return null;
  return { cursor, mac, appTag: appTag === "" ? null : Buffer.from(appTag, "base64url").toString("latin1") };
}

/**
 * Puts the app's own entity tags in place of the gateway's, in a header that names some; `null` if none is left. The
 * rest of the header is as it was.
 */
export function appTagsOnly(value: string): string | null {
  const left = value.replace(TAGS, (tag) => {
    const parsed = parseTag(tag);
    return parsed === null ? tag : (parsed.appTag ?? "");
  });
  const parts = left.split(",").filter((part) => part.trim() !== "");
  return parts.length === 0 ? null : parts.map((part) => part.trim()).join(", ");
}

/**
 * Makes and proves the entity tags that the gateway hands out for a representation of the app: a cursor, the app's own
 * tag, and a proof that binds both to the URL, the credentials and whatever else chose the representation. A tag in the
 * hands of somebody else, or for another language, is no more than the app's own tag.
 */
export class RepresentationTags {
  /** Of this process: a tag of an earlier one is one question to the app. */
  readonly #key: Buffer = randomBytes(32);

  /** @returns `null` if the app's tag is too long to be carried */
  make(request: IncomingMessage, cursor: string, appTag: string | null): string | null {
    if ((appTag?.length ?? 0) > MAX_APP_TAG_LENGTH) return null;
    const carried = appTag === null ? "" : Buffer.from(appTag, "latin1").toString("base64url");
    // Without a strong tag of the app nobody can say that two answers are the same to the byte.
    const isStrong = appTag !== null && !appTag.startsWith("W/");
    return `${isStrong ? "" : "W/"}"${cursor}~${this.#mac(request, cursor, appTag)}~${carried}"`;
  }

  /** Whether the tag was handed out for a request like this one. */
  isFor(request: IncomingMessage, tag: RepresentationTag): boolean {
    const expected = this.#mac(request, tag.cursor, tag.appTag);
    return timingSafeEqual(Buffer.from(expected), Buffer.from(tag.mac));
  }

  /** Whether all that the app's `Vary` names is bound. */
  static canBind(vary: string | undefined): boolean {
    if (vary === undefined || vary === "") return true;
    return vary.split(",").every((name) => BOUND.includes(name.trim().toLowerCase()));
  }

  #mac(request: IncomingMessage, cursor: string, appTag: string | null): string {
    const parts = [cursor, appTag, request.url, ...BOUND.map((name) => request.headers[name] ?? null)];
    return createHmac("sha256", this.#key).update(JSON.stringify(parts)).digest("base64url").slice(0, 16);
  }
}
