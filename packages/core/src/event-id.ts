import { randomBytes } from "node:crypto";
import type { Clock } from "./clock.ts";

const SORTABLE = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_CHARACTERS = 10;
const CHANCE_CHARACTERS = 10;
const CHECK_CHARACTERS = 6;
const CHARACTERS = TIME_CHARACTERS + CHANCE_CHARACTERS + CHECK_CHARACTERS;

/**
 * A new id: sorts by time (ten characters of milliseconds, base 32), then 50 bits of chance, then 30 that bind it to its
 * topic, for {@link isOwnEventId}.
 */
export function newEventId(clock: Clock, topic: string = ""): string {
  let id = "";
  for (let rest = Math.floor(clock.now()), place = 0; place < TIME_CHARACTERS; place += 1) {
    id = (SORTABLE[rest % 32] as string) + id;
    rest = Math.floor(rest / 32);
  }
  for (const byte of randomPart()) id += SORTABLE[byte & 31] as string;
  return id + checkOf(id, topic);
}

/**
 * Whether an id was made here for an event of this topic, and so is no other event's. A publisher may give any id, also
 * one that was made for an event of another topic.
 */
export function isOwnEventId(id: string, topic: string): boolean {
  return id.length === CHARACTERS && id.endsWith(checkOf(id.slice(0, -CHECK_CHARACTERS), topic));
}

/** FNV-1a, mixed once more. It has to tell accidents, not forgers: who forges an id deceives nobody else. */
function checkOf(id: string, topic: string): string {
  let hash = 0x81_1c_9d_c5;
  for (const text of [id, topic]) {
    for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01_00_01_93);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85_eb_ca_6b);
  hash ^= hash >>> 13;
  let check = "";
  for (let place = 0; place < CHECK_CHARACTERS; place += 1) check += SORTABLE[(hash >>> (place * 5)) & 31] as string;
  return check;
}

const POOL_BYTES = 4096;
let pool: Buffer = Buffer.alloc(0);
let used = 0;

/** Chance is fetched in pools: one call for each id would cost more than all else of a publication. */
function randomPart(): Buffer {
  if (used + CHANCE_CHARACTERS > pool.length) {
    pool = randomBytes(POOL_BYTES);
    used = 0;
  }
  used += CHANCE_CHARACTERS;
  return pool.subarray(used - CHANCE_CHARACTERS, used);
}
