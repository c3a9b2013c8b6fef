import { gapJson, type CloseReason, type Gap, type StoredEvent } from "@sluice/core";
import type { OpeningOptions, StreamFormat } from "@sluice/http";

/** Some proxies pass nothing on before they have so much. */
const PADDING = `:${" ".repeat(2046)}\n`;

/**
 * Server-Sent Events (WHATWG HTML §9.2). `id:` is the cursor, `data:` the event's JSON, on one line since it holds no
 * line break. Without `isNamed` there is no `event:`, so that a page's `onmessage` gets every event.
 */
export class SseFormat implements StreamFormat {
  readonly name: string;
  readonly contentType = "text/event-stream";
  readonly #isNamed: boolean;

  constructor(isNamed: boolean) {
    this.name = isNamed ? "sse-named" : "sse";
    this.#isNamed = isNamed;
  }

  events(events: readonly StoredEvent[]): string {
    let text = "";
    for (const event of events) {
      if (this.#isNamed) text += `event: ${event.type}\n`;
      text += `id: ${event.cursor}\ndata: ${event.json}\n\n`;
    }
    return text;
  }

  opening(cursor: string, { isPadded, hasSnapshot, retryMs }: OpeningOptions): string {
    const id = hasSnapshot ? "" : `id: ${cursor}\n`;
    return `${isPadded ? PADDING : ""}retry: ${retryMs}\n: cursor ${cursor}\n${id}\n`;
  }

  heartbeat(cursor: string | null): string {
    return cursor === null ? ": heartbeat\n\n" : `: heartbeat\nid: ${cursor}\n\n`;
  }

  /** With the place behind the gap as its id: a client that drops here is not told of the same gap again. */
  gap(gap: Gap): string {
    return `event: gap\nid: ${gap.resumedAt}\ndata: ${gapJson(gap)}\n\n`;
  }

  farewell(reason: CloseReason, retryMs: number): string {
    return reason.mayReconnect ? `: ${reason.code}\nretry: ${retryMs}\n\n` : `: ${reason.code}\n\n`;
  }
}
