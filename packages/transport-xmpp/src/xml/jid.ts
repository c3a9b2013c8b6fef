/** `LOCAL@DOMAIN/RESOURCE` (RFC 7622), of which only the domain must be there. */
export interface Jid {
  readonly local: string;
  readonly domain: string;
  readonly resource: string;
}

/** Bytes of a part at the most. */
const MAX_PART = 1023;
/** What a local part may not hold, and how XEP-0106 writes it. */
const ESCAPED = /[ "&'/:<>@\\]/g;
/** What it may not hold (RFC 8264 §9), and XEP-0106 has no escape for. */
const UNSEEN = /[\p{C}\p{Z}]/gu;

/** Reads a JID as far as it needs to be understood; `null` for what is none. */
export function parseJid(text: string): Jid | null {
  const slash = text.indexOf("/");
  const bare = slash === -1 ? text : text.slice(0, slash);
  const at = bare.indexOf("@");
  const jid: Jid = {
    local: at === -1 ? "" : bare.slice(0, at),
    domain: bare.slice(at + 1).toLowerCase(),
    resource: slash === -1 ? "" : text.slice(slash + 1),
  };
  if (jid.domain === "" || (at !== -1 && jid.local === "") || (slash !== -1 && jid.resource === "")) return null;
  return Object.values(jid).every((part: string) => Buffer.byteLength(part) <= MAX_PART) ? jid : null;
}

/** A JID without its resource. */
export function bareOf(jid: string): string {
  const slash = jid.indexOf("/");
  return slash === -1 ? jid : jid.slice(0, slash);
}

/** Whether two JIDs are the same to clients, many of which write local parts in lower case. */
export function isSameJid(one: string, other: string): boolean {
  const [a, b] = [parseJid(one), parseJid(other)];
  if (a === null || b === null) return false;
  return a.local.toLowerCase() === b.local.toLowerCase() && a.domain === b.domain && a.resource === b.resource;
}

/**
 * Any name as the local part of a JID, two names never as the same: escaped by XEP-0106, and what a JID may not hold
 * beside that (control characters, what can't be seen, what is no character) as `\u200b;`, which no name can be mistaken
 * for since its backslashes are escaped, too. `null` if it gets too long.
 */
export function localPart(name: string): string | null {
  const escaped = name
    .replace(ESCAPED, (character) => `\\${character.charCodeAt(0).toString(16).padStart(2, "0")}`)
    .replace(UNSEEN, (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16)};`);
  return escaped === "" || Buffer.byteLength(escaped) > MAX_PART ? null : escaped;
}
