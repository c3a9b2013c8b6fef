import type { Arrow } from "../../src/stage/stage-protocol.ts";
import type { Change } from "../model/changes.ts";
import type { Lane } from "../model/lane.ts";
import { find, make, say } from "./dom.ts";
import { bytes, clockTime, duration } from "./format.ts";

/** An arrow, and what is known of it. */
export interface Inspected {
  readonly arrow: Arrow;
  readonly lane: Lane;
  /** Changes that it tells of. */
  readonly changes: readonly Change[];
}

const KINDS: Readonly<Record<Arrow["what"], string>> = {
  open: "connection opens",
  close: "connection ends",
  request: "request",
  response: "response",
  event: "event",
  heartbeat: "sign of life",
  frame: "frame",
};

/** The panel with the bytes of an arrow. */
export class Inspector {
  readonly #root = find(document, "#inspector");
  readonly #key = find(document, "#key");
  readonly #bytes = find(document, "#bytes");
  readonly #facts = find(document, "#facts");
  readonly #text = find(document, "#bytes-text");
  readonly #announcer = find(document, "#arrow-announcer");
  #shown: Arrow | null = null;

  constructor(onClose: () => void) {
    find(document, "#bytes-close").addEventListener("click", onClose);
  }

  /** Shows an arrow, or with `null` how to read the picture. */
  show(inspected: Inspected | null, isPinned: boolean): void {
    this.#root.classList.toggle("pinned", inspected !== null && isPinned);
    if ((inspected?.arrow ?? null) === this.#shown) return;
    this.#shown = inspected?.arrow ?? null;
    this.#key.hidden = inspected !== null;
    this.#bytes.hidden = inspected === null;
    if (inspected === null) return;
    const { arrow } = inspected;
    this.#facts.replaceChildren(
      ...factsOf(inspected).flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]),
    );
    const text = arrow.text.replaceAll("\r\n", "\n").trimEnd();
    say(this.#text, text === "" ? "(no bytes of its own)" : text + (arrow.isTextCut ? "\n… cut at 4 KiB" : ""));
    this.#text.scrollTop = 0;
  }

  /** Says it to those who don't see it. */
  announce({ arrow, lane }: Inspected): void {
    const [from, to] = partiesOf(arrow, lane);
    say(
      this.#announcer,
      `${lane.about.title}, ${clockTime(arrow.beganAt, 3)}: ${KINDS[arrow.what]} from ${from} to ${to}, ${arrow.label}, ${bytes(arrow.bytes)}`,
    );
  }
}

function partiesOf({ from }: Arrow, { about }: Lane): readonly [string, string] {
  const [client, gateway] = about.parties;
  return from === "client" ? [client, gateway] : [gateway, client];
}

function factsOf({ arrow, lane, changes }: Inspected): (readonly [string, string])[] {
  const { beganAt, endedAt, what, label, isWasted } = arrow;
  const facts: (readonly [string, string])[] = [
    [lane.about.title, partiesOf(arrow, lane).join(" → ")],
    [KINDS[what], label],
    ["at", clockTime(beganAt, 3)],
    ["size", bytes(arrow.bytes)],
  ];
  if (endedAt - beganAt >= 1) facts.push(["took", duration(endedAt - beganAt)]);
  const exchange = lane.recording.exchangeOf(arrow);
  if (exchange?.response === arrow) facts.push(["after waiting", duration(arrow.beganAt - exchange.request.endedAt)]);
  if (isWasted) facts.push(["brought", "nothing new"]);
  for (const { time } of changes.slice(0, 1)) facts.push(["after the change", duration(Math.max(0, endedAt - time))]);
  return facts;
}
