import { once } from "node:events";
import { styleText } from "node:util";
import type { Output } from "../cli/command.ts";
import type { GapNote, Item } from "./watch-client.ts";

/** Shows what comes. */
export interface Printer {
  /** Shows items, in order; resolves when there is room for more. */
  take(items: readonly Item[]): Promise<void>;
  /** Says something about the connection. */
  note(text: string): void;
}

/** Events as the JSON that came, a line each; gaps among them as on a WebSocket, with `op` as first member. */
export function jsonPrinter(stdout: Output, stderr: Output): Printer {
  return makePrinter(stdout, stderr, (item) =>
    item.kind === "event" ? item.json : JSON.stringify({ op: "gap", ...item.gap }),
  );
}

/** Lines for people. */
export function prettyPrinter(stdout: Output, stderr: Output): Printer {
  return makePrinter(stdout, stderr, (item) => (item.kind === "event" ? eventLine(item.json) : gapLine(item.gap)));
}

function makePrinter(stdout: Output, stderr: Output, line: (item: Item) => string): Printer {
  return {
    async take(items) {
      if (items.length === 0 || stdout.destroyed) return;
      const text = items.map((item) => `${line(item)}\n`).join("");
      // A reader that has gone is told by the stream's error event, which ends the whole.
      if (!stdout.write(text)) await once(stdout, "drain").catch(() => undefined);
    },
    note(text) {
      stderr.write(stderr.isTTY === true ? `${styleText("dim", `· ${text}`)}\n` : `sluice: ${text}\n`);
    },
  };
}

interface ShownEvent {
  readonly topic: string;
  readonly type: string;
  readonly time: string;
  readonly data?: unknown;
  readonly data_base64?: string;
  readonly datacontenttype?: string;
}

function eventLine(json: string): string {
  const event = JSON.parse(json) as ShownEvent;
  const data =
    event.data_base64 === undefined
      ? JSON.stringify(event.data)
      : `${event.datacontenttype ?? "bytes"}: ${event.data_base64}`;
  return [
    styleText("dim", localTime(event.time)),
    styleText("cyan", printable(event.topic)),
    styleText("yellow", printable(event.type)),
    printable(data),
  ].join("  ");
}

function gapLine(gap: GapNote): string {
  const why = gap.reason === "reset" ? "the cursor is of another log" : "they are no longer retained";
  return styleText(
    "red",
    printable(`gap: events after ${gap.after} are missing: ${why}; going on behind ${gap.resumed_at}`),
  );
}

function localTime(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return printable(time);
  const two = (value: number): string => String(value).padStart(2, "0");
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${clock}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** Nothing that a terminal would obey: events come from elsewhere. */
function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
  );
}
