import type { TransportName } from "@sluice/client";
import type { ReceiverMood } from "../../src/stage/stage-protocol.ts";
import { make, say } from "./dom.ts";

/** A slider with a name and its value in words. */
export function slider(
  {
    id,
    name,
    values,
    value,
    format,
  }: {
    readonly id: string;
    readonly name: string;
    readonly values: readonly number[];
    readonly value: number;
    readonly format: (value: number) => string;
  },
  onChange: (value: number) => void,
): HTMLElement {
  const label = make("label", "range");
  const input = make("input");
  const output = make("output");
  Object.assign(input, { id, type: "range", min: "0", max: String(values.length - 1), step: "1" });
  input.value = String(values.indexOf(value));
  label.htmlFor = id;
  const show = (): number => {
    const chosen = values[Number(input.value)] ?? value;
    say(output, format(chosen));
    input.setAttribute("aria-valuetext", format(chosen));
    return chosen;
  };
  input.addEventListener("input", () => onChange(show()));
  show();
  label.append(make("span", "", name), input, output);
  return label;
}

/** One of several, side by side. */
export function choice<Value extends string>(
  {
    name,
    label,
    options,
    value,
  }: {
    readonly name: string;
    readonly label: string;
    readonly options: readonly (readonly [value: Value, text: string, title?: string])[];
    readonly value: Value;
  },
  onChange: (value: Value) => void,
): HTMLFieldSetElement {
  const field = make("fieldset", "choice");
  field.append(make("legend", "", label));
  for (const [option, text, title = ""] of options) {
    const input = make("input");
    Object.assign(input, { type: "radio", name, value: option, checked: option === value });
    input.addEventListener("change", () => onChange(option));
    const wrap = make("label");
    wrap.title = title;
    wrap.append(input, make("span", "", text));
    field.append(wrap);
  }
  return field;
}

/** A line that says how something is set that can't be changed here. */
export function note(text: string): HTMLElement {
  return make("p", "note", text);
}

/** Milliseconds between polls. */
export const POLL_INTERVALS_MS: readonly number[] = [200, 500, 1_000, 2_000, 3_000, 5_000, 10_000];
/** Milliseconds that a long poll may wait. */
export const WAITS_MS: readonly number[] = [1_000, 2_000, 5_000, 10_000, 20_000, 30_000];

/** How the receiver of hooks can answer. */
export const MOODS: readonly (readonly [ReceiverMood, string, string])[] = [
  ["ok", "Takes", "Answers 204"],
  ["fail", "Fails", "Answers 500: the gateway tries again"],
  ["hang", "Hangs", "Takes it, and never answers: the gateway tries again, and it comes twice"],
  ["gone", "410", "Answers 410: the gateway takes it off the list"],
];

/** What the last lane can switch to. */
export const TRANSPORTS: readonly (readonly [TransportName, string])[] = [
  ["polling", "Poll"],
  ["long-polling", "Long"],
  ["sse", "SSE"],
  ["websocket", "WS"],
];
