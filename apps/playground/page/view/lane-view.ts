import type { Arrow, LaneName, LaneOrder } from "../../src/stage/stage-protocol.ts";
import type { Changes } from "../model/changes.ts";
import type { Account } from "../model/ledger.ts";
import type { Lane, LaneState } from "../model/lane.ts";
import type { Spans } from "../model/spans.ts";
import type { TimeWindow } from "../model/time-window.ts";
import { find, say } from "./dom.ts";
import { bytes, count, duration } from "./format.ts";
import type { Palette } from "./palette.ts";
import { Strip, type StripListener } from "./strip.ts";

/** What a lane's view asks for. */
export interface LaneListener extends StripListener {
  ordered(order: LaneOrder): void;
  /** A key was pressed on the strip. Whether it meant something. */
  key(event: KeyboardEvent): boolean;
}

/** What all lanes' views share. */
export interface LaneSurroundings {
  readonly changes: Changes;
  readonly gatewayTroubles: Spans;
  readonly window: TimeWindow;
}

/** The trouble that a button makes. */
export const TROUBLES: Readonly<Record<string, LaneOrder>> = {
  cut: { do: "cut" },
  offline: { do: "offline", forMs: 10_000 },
  slow: { do: "slow", latencyMs: 300, bytesPerSecond: 4_000 },
  heal: { do: "heal" },
};

/** The step of the guide that is done with a lane's controls. */
const STEP_OF: Readonly<Partial<Record<LaneName, string>>> = { sse: "cut", "rest-hooks": "fail", switcher: "switch" };

/** What is on its way for so long is worth a word. */
const LATE_MS = 3_000;

const STATES: Readonly<Record<LaneState, string>> = {
  connecting: "connecting",
  open: "connected",
  waiting: "coming back",
  closed: "closed",
  gone: "taken off the list",
};

/** A lane in the page: its name, controls, strip and figures. */
export class LaneView {
  readonly lane: Lane;
  readonly element: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  readonly #strip: Strip;
  /** What the lane does; where it is not doing that, what is the matter. */
  readonly #line: HTMLElement;
  readonly #figures = new Map<string, HTMLElement>();
  readonly #recognised: HTMLElement;

  constructor(lane: Lane, surroundings: LaneSurroundings, listener: LaneListener) {
    const { name, title, line, parties } = lane.about;
    const template = find<HTMLTemplateElement>(document, "#lane-template");
    const element = find(document.importNode(template.content, true), "article");
    this.lane = lane;
    this.element = element;
    element.dataset["lane"] = name;
    element.setAttribute("aria-label", title);
    say(find(element, ".lane-name"), title);
    this.#line = find(element, ".lane-line");
    say(this.#line, line);
    say(find(element, ".party.client"), parties[0]);
    say(find(element, ".party.server"), parties[1]);
    find(element, ".lane-buttons").setAttribute("aria-label", `Trouble for ${title}`);
    this.canvas = find<HTMLCanvasElement>(element, "canvas");
    this.canvas.setAttribute("aria-label", `${title}: diagram of what goes between ${parties[0]} and ${parties[1]}`);
    this.canvas.setAttribute("aria-describedby", "diagram-keys");
    this.#recognised = find(element, ".recognised");
    for (const figure of element.querySelectorAll<HTMLElement>("[data-figure]")) {
      this.#figures.set(figure.dataset["figure"] ?? "", figure);
    }
    for (const button of element.querySelectorAll<HTMLButtonElement>("[data-order]")) {
      const order = TROUBLES[button.dataset["order"] ?? ""];
      if (order !== undefined) button.addEventListener("click", () => listener.ordered(order));
    }
    this.#markSteps();
    foldOnNarrowPages(find<HTMLDetailsElement>(element, "details"));
    const { recording, ledger, troubles } = lane;
    const { changes, gatewayTroubles, window } = surroundings;
    this.#strip = new Strip(this.canvas, { recording, ledger, troubles, changes, gatewayTroubles }, window, listener);
    this.canvas.addEventListener("keydown", (event) => {
      if (listener.key(event)) event.preventDefault();
    });
  }

  /** Where the lane's own setting belongs. */
  get setting(): HTMLElement {
    return find(this.element, ".lane-setting");
  }

  draw(now: number, palette: Palette, focus: Arrow | null): void {
    this.#strip.draw(now, palette, focus);
  }

  /** Brings words and figures up to date. */
  update(now: number): void {
    const { lane } = this;
    const account = lane.account(now);
    const { lost, doubled, repeated, events, medianMs, worstMs } = account;
    const { requests, wasted, upBytes, downBytes } = lane.recording.traffic;
    this.#show("median", duration(medianMs));
    this.#show("worst", duration(worstMs));
    this.#show("lost", count(lost), lost === 0 ? "good" : "bad");
    this.#show("doubled", count(doubled), doubled === 0 ? "good" : "bad");
    this.#show("repeated", count(repeated));
    this.#recognised.hidden = repeated === 0;
    this.#show("requests", count(requests));
    this.#show("wasted", count(wasted), wasted === 0 ? "" : "wasted");
    this.#show("up", bytes(upBytes));
    this.#show("down", bytes(downBytes));
    this.#show("events", count(events));
    const { kind } = lane.trouble;
    say(this.#line, this.#lineNow(account, now));
    this.element.dataset["state"] = kind === "offline" ? "waiting" : lane.state;
    this.element.dataset["trouble"] = kind;
  }

  /** With what the guide's steps are done; on a phone the controls have to be unfolded first. */
  #markSteps(): void {
    const { name } = this.lane.about;
    const step = STEP_OF[name];
    if (step === undefined) return;
    find(this.element, "summary").dataset["step"] = step;
    if (step !== "cut") return;
    for (const button of this.element.querySelectorAll<HTMLElement>('[data-order="cut"], [data-order="offline"]')) {
      button.dataset["step"] = step;
    }
  }

  /** What the lane does; or, if that is not so, what is the matter. */
  #lineNow({ awaited, awaitedSince }: Account, now: number): string {
    const { about, state, trouble, gaps, remark } = this.lane;
    const isLate = awaitedSince !== null && now - awaitedSince > LATE_MS;
    const parts = [
      trouble.kind === "offline" ? "offline" : trouble.kind === "slow" && state === "open" ? "slow line" : "",
      trouble.kind === "offline" || state === "open" ? "" : STATES[state],
      gaps > 0 ? "the log no longer had all" : "",
      remark,
    ].filter((part) => part !== "");
    if (parts.length === 0 && !isLate) return about.line;
    if (awaited > 0) parts.push(`${count(awaited)} on ${awaited === 1 ? "its" : "their"} way`);
    return capitalised(parts.join(", "));
  }

  #show(name: string, text: string, tone = ""): void {
    const figure = this.#figures.get(name);
    if (figure === undefined) return;
    say(figure, text);
    if (figure.dataset["tone"] !== tone) figure.dataset["tone"] = tone;
  }
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** On a phone the controls are folded. */
function foldOnNarrowPages(details: HTMLDetailsElement): void {
  const narrow = matchMedia("(max-width: 40rem)");
  const fold = (): void => {
    details.open = !narrow.matches;
  };
  narrow.addEventListener("change", fold);
  fold();
}
