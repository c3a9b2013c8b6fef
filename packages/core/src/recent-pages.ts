import type { StoredEvent } from "./event.ts";
import type { Codec } from "./transport.ts";

const KEPT = 32;

/**
 * Pages that were encoded lately. After a cut thousands of readers come back to the same place: they share the bytes.
 * Bounded by {@link KEPT} pages of one batch each.
 */
export class RecentPages {
  readonly #pages = new Map<string, unknown>();

  encode<Bytes>(codec: Codec<Bytes>, events: readonly StoredEvent[]): Bytes {
    let key = codec.name;
    for (const event of events) key += ` ${event.position}`;
    let bytes = this.#pages.get(key) as Bytes | undefined;
    if (bytes !== undefined) return bytes;
    bytes = codec.encode(events);
    this.#pages.set(key, bytes);
    if (this.#pages.size > KEPT) this.#pages.delete(this.#pages.keys().next().value as string);
    return bytes;
  }
}
