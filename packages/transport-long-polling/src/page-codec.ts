import type { Codec, StoredEvent } from "@sluice/core";
import { pageBody } from "@sluice/http";

/** A page's body with its cursor: a Buffer, so that the bus can count its bytes. */
export type PageBytes = Buffer & { readonly cursor: string };

/**
 * Makes the page that ends the wait of every client which waits for the same: once per batch, however many they are. A
 * client takes one page and goes, so a batch of more events than its limit is cut there; the rest is the next page.
 */
export class PageCodec implements Codec<PageBytes> {
  readonly name: string;
  readonly transport = "long-polling";
  readonly #limit: number;

  constructor(limit: number) {
    this.name = `long-polling-${limit}`;
    this.#limit = limit;
  }

  encode(events: readonly StoredEvent[]): PageBytes {
    const taken = events.length > this.#limit ? events.slice(0, this.#limit) : events;
    const { body, cursor } = pageBody(taken, taken.at(-1)?.cursor ?? "", null);
    return Object.assign(body, { cursor });
  }
}

/** The codec of each limit that somebody waits with: the same object each time, at most as many as there are limits. */
export class PageCodecs {
  readonly #byLimit = new Map<number, PageCodec>();

  of(limit: number): PageCodec {
    let codec = this.#byLimit.get(limit);
    if (codec === undefined) {
      codec = new PageCodec(limit);
      this.#byLimit.set(limit, codec);
    }
    return codec;
  }
}
