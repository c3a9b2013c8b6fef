import type { Item } from "./event.ts";

/** How much may wait for its reader before the client stops reading. */
export interface BufferLimits {
  /** Default 1 000. */
  readonly events: number;
  /** Default 1 MiB. */
  readonly bytes: number;
}

interface Entry {
  readonly item: Item | null;
  readonly cursor: string | null;
  readonly sizeBytes: number;
}

/** One loop over the items: a call of `next()` that waits, or none. */
class Loop implements AsyncIterator<Item, undefined> {
  readonly #queue: Queue;
  #waiting: PromiseWithResolvers<IteratorResult<Item, undefined>> | null = null;

  constructor(queue: Queue) {
    this.#queue = queue;
  }

  get isWaiting(): boolean {
    return this.#waiting !== null;
  }

  next(): Promise<IteratorResult<Item, undefined>> {
    this.#waiting ??= Promise.withResolvers();
    const { promise } = this.#waiting;
    this.#queue.pump();
    return promise;
  }

  return(): Promise<IteratorResult<Item, undefined>> {
    this.#queue.leave(this);
    this.end(null);
    return Promise.resolve({ done: true, value: undefined });
  }

  give(value: Item): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve({ done: false, value });
  }

  end(error: Error | null): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (error === null) waiting?.resolve({ done: true, value: undefined });
    else waiting?.reject(error);
  }
}

/**
 * What has come and has not been handed over yet. Bounded: who puts in stops when there is no room. Items wait until
 * somebody listens, and until every loop has asked for the next one.
 */
export class Queue {
  readonly #limits: BufferLimits;
  readonly #listener: (item: Item) => unknown;
  readonly #hasListener: () => boolean;
  readonly #loops = new Set<Loop>();
  #entries: Entry[] = [];
  #at = 0;
  #items = 0;
  #bytes = 0;
  #isHandling = false;
  #room: PromiseWithResolvers<void> | null = null;
  #end: { readonly error: Error | null } | null = null;
  #cursor: string | null = null;

  /** `listener` is called with each item; if it answers with a promise, the next one waits for it. */
  constructor(limits: BufferLimits, listener: (item: Item) => unknown, hasListener: () => boolean) {
    this.#limits = limits;
    this.#listener = listener;
    this.#hasListener = hasListener;
  }

  /** Everything up to here has been handed over. */
  get cursor(): string | null {
    return this.#cursor;
  }

  get isFull(): boolean {
    return this.#items >= this.#limits.events || this.#bytes >= this.#limits.bytes;
  }

  /** Takes items, and the cursor behind the last of them. */
  put(items: readonly Item[], cursor: string | null, sizeBytes: number): void {
    if (this.#end !== null) return;
    const last = items.length - 1;
    for (const [index, item] of items.entries()) {
      const own = item.gap === undefined ? item.cursor : item.gap.resumedAt;
      const upTo = index === last ? (cursor ?? own) : own;
      this.#entries.push({ item, cursor: upTo, sizeBytes: sizeBytes / items.length });
    }
    if (last < 0 && cursor !== null) this.#entries.push({ item: null, cursor, sizeBytes: 0 });
    this.#items += items.length;
    this.#bytes += items.length > 0 ? sizeBytes : 0;
    this.pump();
  }

  /** Resolves as soon as half of the room is free, or all is over. */
  room(): Promise<void> {
    if (!this.isFull || this.#end !== null) return Promise.resolve();
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  loop(): AsyncIterator<Item, undefined> {
    const loop = new Loop(this);
    this.#loops.add(loop);
    return loop;
  }

  leave(loop: Loop): void {
    this.#loops.delete(loop);
    this.pump();
  }

  /** No more comes. With an error what waits is handed over first; without, it is dropped. */
  close(error: Error | null): void {
    this.#end ??= { error };
    if (error === null) {
      this.#entries = [];
      this.#at = 0;
    }
    this.#room?.resolve();
    this.pump();
  }

  /** Hands over what can be handed over. */
  pump(): void {
    while (!this.#isHandling) {
      const entry = this.#entries[this.#at];
      if (entry === undefined) break;
      if (entry.item !== null && !this.#isWanted) return;
      this.#shift(entry);
      if (entry.item !== null) this.#hand(entry.item);
    }
    if (this.#at >= this.#entries.length && this.#end !== null) this.#endLoops(this.#end.error);
  }

  get #isWanted(): boolean {
    for (const loop of this.#loops) if (!loop.isWaiting) return false;
    return this.#loops.size > 0 || this.#hasListener();
  }

  #hand(item: Item): void {
    for (const loop of this.#loops) loop.give(item);
    const handled = this.#listener(item);
    if (!(handled instanceof Promise)) return;
    this.#isHandling = true;
    void handled.finally(() => {
      this.#isHandling = false;
      this.pump();
    });
  }

  #shift({ item, cursor, sizeBytes }: Entry): void {
    this.#at += 1;
    // Cut off in pieces: shifting an array that is long costs as much as it is long.
    if (this.#at === this.#entries.length || this.#at >= 256) this.#entries.splice(0, this.#at);
    if (this.#entries.length === 0 || this.#at >= 256) this.#at = 0;
    this.#cursor = cursor;
    if (item === null) return;
    this.#items -= 1;
    this.#bytes -= sizeBytes;
    if (this.#items <= this.#limits.events / 2 && this.#bytes <= this.#limits.bytes / 2) {
      this.#room?.resolve();
      this.#room = null;
    }
  }

  #endLoops(error: Error | null): void {
    for (const loop of this.#loops) loop.end(error);
  }
}
