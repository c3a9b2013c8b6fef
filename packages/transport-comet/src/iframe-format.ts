import { gapJson, type CloseReason, type Gap, type StoredEvent } from "@sluice/core";
import type { OpeningOptions, StreamFormat } from "@sluice/http";

/** Browsers of that time showed nothing of a page before they had so much. */
const PADDING = `<!--${" ".repeat(2048)}-->`;

const UNSAFE = /[<\u2028\u2029]/g;

/**
 * A forever-frame: an HTML page that never ends, with a `<script>` for each event that calls a function of the page
 * around it. What isn't an event is told to the same function, as an object whose first key is `op`.
 */
export class IframeFormat implements StreamFormat {
  readonly name: string;
  readonly contentType = "text/html; charset=utf-8";
  readonly #call: string;

  /** @param callback a name that was checked to be one: it goes into the page as it is */
  constructor(callback: string) {
    this.name = `iframe-${callback}`;
    this.#call = `parent.${callback}`;
  }

  events(events: readonly StoredEvent[]): string {
    let text = "";
    for (const event of events) text += this.#script(event.json);
    return text;
  }

  opening(cursor: string, _options: OpeningOptions): string {
    const head = '<!DOCTYPE html><html><head><meta charset="utf-8"><title>events</title></head><body>';
    return `${head}${PADDING}\n${this.#script(JSON.stringify({ op: "welcome", cursor }))}`;
  }

  heartbeat(cursor: string | null): string {
    return cursor === null ? "<!---->\n" : this.#script(JSON.stringify({ op: "heartbeat", cursor }));
  }

  gap(gap: Gap): string {
    return this.#script(gapJson(gap, { op: "gap" }));
  }

  farewell(reason: CloseReason, retryMs: number): string {
    const after = reason.mayReconnect ? { reconnect_after_ms: retryMs } : {};
    return `${this.#script(JSON.stringify({ op: "closing", code: reason.code, ...after }))}</body></html>`;
  }

  #script(json: string): string {
    return `<script>${this.#call}(${scriptSafe(json)})</script>\n`;
  }
}

/** JSON that ends neither its script element nor, in old engines, its line. The same value, in other letters. */
function scriptSafe(json: string): string {
  return json.replace(UNSAFE, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
