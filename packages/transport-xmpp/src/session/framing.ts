import { itemsOf, type Item } from "../pubsub/item-codec.ts";
import { tailOf } from "../pubsub/item-stanza.ts";
import type { Scratch } from "./scratch.ts";

/** What a channel puts before each element, so that the other side knows where it ends. */
export interface Framing {
  /** Bytes that go before an element of so many. */
  headBytes(elementBytes: number): number;
  /** Writes them, and answers the place behind. */
  writeHead(target: Buffer, at: number, elementBytes: number): number;
}

/** Of a stream: elements say themselves where they end. */
export const UNFRAMED: Framing = {
  headBytes: () => 0,
  writeHead: (_target, at) => at,
};

/** An element with what goes before it. */
export function framed(framing: Framing, element: Buffer): Buffer {
  const target = Buffer.allocUnsafe(framing.headBytes(element.length) + element.length);
  target.set(element, framing.writeHead(target, 0, element.length));
  return target;
}

/**
 * Items that a codec encoded, as stanzas for one reader, all in one buffer, which is lent. By hand, since this is done once
 * per reader and event: three copies are some tenths of a microsecond, a list of parts would cost a `writev`.
 * @param head `<message to="…"`
 * @param isLate whether each says when it was published
 */
export function framedItems(scratch: Scratch, framing: Framing, head: Buffer, items: Buffer, isLate: boolean): Buffer {
  const parts = itemsOf(items);
  const tails = isLate ? parts.map(({ time }) => tailOf(time)) : [];
  const onTime = tailOf(null);
  let bytes = 0;
  let from = 0;
  for (let index = 0; index < parts.length; index += 1) {
    const { end } = parts[index] as Item;
    const stanzaBytes = head.length + (end - from) + (tails[index] ?? onTime).length;
    bytes += framing.headBytes(stanzaBytes) + stanzaBytes;
    from = end;
  }
  const target = scratch.lend(bytes);
  let at = 0;
  from = 0;
  for (let index = 0; index < parts.length; index += 1) {
    const { end } = parts[index] as Item;
    const tail = tails[index] ?? onTime;
    at = framing.writeHead(target, at, head.length + (end - from) + tail.length);
    target.set(head, at);
    at += head.length;
    at += items.copy(target, at, from, end);
    target.set(tail, at);
    at += tail.length;
    from = end;
  }
  return target;
}
