import type { Arrow, LaneName, LaneOrder } from "../../src/stage/stage-protocol.ts";
import type { TimeWindow } from "../model/time-window.ts";
import type { Parlour } from "../parlour.ts";
import { nearest, neighbour } from "./arrow-walk.ts";
import { find } from "./dom.ts";
import { Inspector, type Inspected } from "./inspector.ts";
import { LaneView } from "./lane-view.ts";
import { type Palette, readPalette } from "./palette.ts";
import { Ruler } from "./ruler.ts";
import { Timebar } from "./timebar.ts";

/** What the diagram tells. */
export interface DiagramListener {
  ordered(lane: LaneName, order: LaneOrder): void;
  /** Somebody has looked at an arrow. */
  looked(): void;
}

/** How often it is drawn where motion is not wanted. */
const CALM_MS = 500;

/** All lanes over one time axis, and the way through their arrows. */
export class Diagram {
  readonly #parlour: Parlour;
  readonly #window: TimeWindow;
  readonly #now: () => number;
  readonly #listener: DiagramListener;
  readonly #views: readonly LaneView[];
  readonly #ruler: Ruler;
  readonly #timebar: Timebar;
  readonly #inspector = new Inspector(() => this.#pick(null));
  readonly #calm = matchMedia("(prefers-reduced-motion: reduce)");
  #palette: Palette = readPalette();
  /** What is pointed at, and what stays shown. */
  #pointed: Inspected | null = null;
  #picked: Inspected | null = null;
  /** Where steps go on; the lane of the last arrow that was looked at. */
  #lane: LaneName = "polling";
  #isStale = true;

  constructor(parlour: Parlour, window: TimeWindow, now: () => number, listener: DiagramListener) {
    this.#parlour = parlour;
    this.#window = window;
    this.#now = now;
    this.#listener = listener;
    const { changes, gatewayTroubles } = parlour;
    const moved = (): void => this.#moved();
    this.#timebar = new Timebar(window, {
      moved,
      stepped: (by) => this.#step(by),
      lookedAt: () => this.#picked?.arrow.beganAt,
    });
    this.#views = parlour.lanes.map((lane) => {
      const { name } = lane.about;
      return new LaneView(
        lane,
        { changes, gatewayTroubles, window },
        {
          moved,
          pointed: (arrow) => this.#point(name, arrow),
          picked: (arrow) => this.#pick(arrow === null ? null : this.#inspect(name, arrow)),
          ordered: (order) => listener.ordered(name, order),
          key: (event) => this.#key(name, event),
        },
      );
    });
    find(document, "#lane-list").append(...this.#views.map(({ element }) => element));
    this.#ruler = new Ruler(find<HTMLCanvasElement>(document, "#ruler"), window, changes, moved);
    document.addEventListener("keydown", (event) => this.#globalKey(event));
    requestAnimationFrame(() => this.#frame());
    setInterval(() => (this.#isStale = true), CALM_MS);
  }

  /** Where a lane's own setting belongs. */
  setting(name: LaneName): HTMLElement {
    return this.#view(name).setting;
  }

  /** Something is to be drawn anew. */
  changed(): void {
    this.#isStale = true;
  }

  /** The colours have changed. */
  recolour(): void {
    this.#palette = readPalette();
    this.#isStale = true;
  }

  /** Brings words and figures up to date. */
  update(now: number): void {
    for (const view of this.#views) view.update(now);
  }

  #frame(): void {
    const isMoving = this.#window.isFollowing && !this.#calm.matches;
    if (this.#isStale || isMoving) {
      this.#isStale = false;
      const now = this.#now();
      const focus = (this.#pointed ?? this.#picked)?.arrow ?? null;
      this.#ruler.draw(now, this.#palette);
      for (const view of this.#views) view.draw(now, this.#palette, focus);
    }
    requestAnimationFrame(() => this.#frame());
  }

  #moved(): void {
    this.#timebar.update();
    this.#isStale = true;
  }

  #inspect(name: LaneName, arrow: Arrow): Inspected {
    const lane = this.#parlour.lane(name);
    const changes = lane.recording
      .eventIdsOf(arrow)
      .map((id) => this.#parlour.changes.find(id))
      .filter((change) => change !== undefined);
    return { arrow, lane, changes };
  }

  #point(name: LaneName, arrow: Arrow | null): void {
    if (arrow === (this.#pointed?.arrow ?? null)) return;
    this.#pointed = arrow === null ? null : this.#inspect(name, arrow);
    if (arrow !== null) this.#listener.looked();
    this.#show();
  }

  #pick(inspected: Inspected | null): void {
    this.#picked = inspected;
    this.#pointed = null;
    if (inspected !== null) {
      this.#lane = inspected.lane.about.name;
      this.#window.stop();
      this.#listener.looked();
    }
    this.#show();
    this.#moved();
  }

  #show(): void {
    this.#inspector.show(this.#pointed ?? this.#picked, this.#picked !== null);
    this.#isStale = true;
  }

  /** To the next arrow of the lane, or the previous one. */
  #step(by: 1 | -1): void {
    const from = this.#picked?.lane.about.name === this.#lane ? this.#picked.arrow : null;
    this.#walkTo(this.#lane, neighbour(this.#parlour.lane(this.#lane).recording.arrows, from, by, this.#window.to));
  }

  /** To the lane above or below, at about the same time. */
  #cross(name: LaneName, by: 1 | -1): void {
    const view = this.#views[this.#views.indexOf(this.#view(name)) + by];
    if (view === undefined) return;
    const next = view.lane.about.name;
    this.#lane = next;
    view.canvas.focus();
    const time = this.#picked?.arrow.beganAt;
    if (time !== undefined) this.#walkTo(next, nearest(view.lane.recording.arrows, time));
  }

  #walkTo(name: LaneName, arrow: Arrow | undefined): void {
    if (arrow === undefined) return;
    const inspected = this.#inspect(name, arrow);
    this.#pick(inspected);
    this.#window.reveal(arrow.beganAt);
    this.#inspector.announce(inspected);
    this.#moved();
  }

  #key(name: LaneName, { key }: KeyboardEvent): boolean {
    if (key === "ArrowLeft" || key === "ArrowRight") {
      this.#lane = name;
      this.#step(key === "ArrowRight" ? 1 : -1);
    } else if (key === "ArrowUp" || key === "ArrowDown") this.#cross(name, key === "ArrowDown" ? 1 : -1);
    else return false;
    return true;
  }

  /** Keys that mean the same everywhere, unless something else has a use for them. */
  #globalKey(event: KeyboardEvent): void {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isBusy = target instanceof Element && target.closest("button, input, summary, select, pre") !== null;
    if (key === "Escape") this.#pick(null);
    else if (key === " " && !isBusy) {
      this.#timebar.toggle();
      event.preventDefault();
    } else if (key === "+" || key === "=") this.#timebar.zoom("in");
    else if (key === "-") this.#timebar.zoom("out");
  }

  #view(name: LaneName): LaneView {
    return this.#views.find(({ lane }) => lane.about.name === name) as LaneView;
  }
}
