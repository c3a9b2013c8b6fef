import type { Item, SluiceEvent } from "./event.ts";

/** How much may wait for its reader before the client stops reading. */
export interface BufferLimits {
  /** Default 1 000. */
  readonly events: number;
  /** Default 1 000 000. */
  readonly bytes: number;
}

interface Entry {
  readonly item: Item | null;
  readonly cursor: string;
  readonly sizeBytes: number;
}

type Answer = IteratorResult<Item, undefined>;
const DONE: Answer = { done: true, value: undefined };

/**
 * What has come and has not been handed over yet. Bounded: who puts in stops when there is no room. Items wait until
 * somebody listens, and until every loop has asked for the next one.
 */
export interface Queue {
  /** Everything up to here has been handed over. */
  cursor(): string | null;
  isFull(): boolean;
  /** Takes items, and the cursor behind the last of them. */
  put(items: readonly Item[], cursor: string | null, sizeBytes: number): void;
  /** Resolves as soon as half of the room is free, or all is over. */
  room(): Promise<void>;
  loop(): AsyncIterator<Item, undefined>;
  /** No more comes. With an error what waits is handed over first; without, it is dropped. */
  close(error: Error | null): void;
  /** Hands over what can be handed over. */
  pump(): void;
}

/** `listener` is called with each item; if it answers with a promise, the next one waits for it. */
export function newQueue(
  limits: BufferLimits,
  listener: (item: Item) => Promise<unknown> | undefined,
  hasListener: () => boolean,
): Queue {
  /** Each loop, and its call of `next()` that waits. */
  const loops = new Map<object, PromiseWithResolvers<Answer> | null>();
  const entries: Entry[] = [];
  let count = 0;
  let bytes = 0;
  let isHandling = false;
  let roomy: PromiseWithResolvers<void> | undefined;
  let end: { readonly error: Error | null } | undefined;
  let handedOver: string | null = null;

  const fills = (share: number): boolean => count >= limits.events * share || bytes >= limits.bytes * share;

  const hand = ({ item, sizeBytes }: Entry): void => {
    if (item === null) return;
    count -= 1;
    bytes -= sizeBytes;
    if (!fills(0.5)) {
      roomy?.resolve();
      roomy = undefined;
    }
    for (const [loop, asked] of loops) {
      loops.set(loop, null);
      asked?.resolve({ done: false, value: item });
    }
    const handled = listener(item);
    if (handled === undefined) return;
    isHandling = true;
    void handled.finally(() => {
      isHandling = false;
      pump();
    });
  };

  const isWanted = (): boolean => (loops.size > 0 || hasListener()) && ![...loops.values()].includes(null);

  /** Hands over one entry. Whether there was one, and it was wanted. */
  const step = (): boolean => {
    const [entry] = entries;
    if (entry === undefined || isHandling || (entry.item !== null && !isWanted())) return false;
    entries.shift();
    handedOver = entry.cursor;
    hand(entry);
    return true;
  };

  const pump = (): void => {
    while (step());
    if (end === undefined || isHandling || entries.length > 0) return;
    for (const asked of loops.values()) {
      if (end.error === null) asked?.resolve(DONE);
      else asked?.reject(end.error);
    }
  };

  return {
    cursor: () => handedOver,
    isFull: () => fills(1),
    put(items, cursor, sizeBytes) {
      if (end !== undefined) return;
      let upTo: string | null = null;
      for (const item of items) {
        upTo = item.gap?.resumedAt ?? (item as SluiceEvent).cursor;
        entries.push({ item, cursor: upTo, sizeBytes: sizeBytes / items.length });
        count += 1;
        bytes += sizeBytes / items.length;
      }
      if (cursor !== null && cursor !== upTo) entries.push({ item: null, cursor, sizeBytes: 0 });
      pump();
    },
    async room() {
      if (!fills(1) || end !== undefined) return;
      roomy ??= Promise.withResolvers();
      await roomy.promise;
    },
    loop() {
      const loop = {};
      loops.set(loop, null);
      return {
        next() {
          const asked = loops.get(loop) ?? Promise.withResolvers<Answer>();
          loops.set(loop, asked);
          pump();
          return asked.promise;
        },
        async return() {
          loops.get(loop)?.resolve(DONE);
          loops.delete(loop);
          pump();
          return DONE;
        },
      };
    },
    close(error) {
      end ??= { error };
      if (error === null) entries.length = 0;
      roomy?.resolve();
      pump();
    },
    pump,
  };
}
