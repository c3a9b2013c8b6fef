import type { TimeWindow } from "../model/time-window.ts";
import { find, say } from "./dom.ts";
import { duration } from "./format.ts";

/** What the buttons above the lanes ask for. */
export interface TimebarListener {
  moved(): void;
  /** The time that is looked at, if there is one: zooming goes there. */
  lookedAt(): number | undefined;
  /** To the next arrow (1) or the previous one (-1). */
  stepped(by: 1 | -1): void;
}

const ZOOM = 1.6;

/** The buttons for the time axis: pause, step and zoom. */
export class Timebar {
  readonly #window: TimeWindow;
  readonly #pause = find<HTMLButtonElement>(document, "#pause");
  readonly #span = find(document, "#span-text");
  readonly #listener: TimebarListener;

  constructor(window: TimeWindow, listener: TimebarListener) {
    this.#window = window;
    this.#listener = listener;
    this.#pause.addEventListener("click", () => this.toggle());
    find(document, "#step-back").addEventListener("click", () => listener.stepped(-1));
    find(document, "#step-on").addEventListener("click", () => listener.stepped(1));
    find(document, "#zoom-in").addEventListener("click", () => this.zoom("in"));
    find(document, "#zoom-out").addEventListener("click", () => this.zoom("out"));
    this.update();
  }

  toggle(): void {
    if (this.#window.isFollowing) this.#window.stop();
    else this.#window.follow();
    this.#listener.moved();
  }

  zoom(where: "in" | "out"): void {
    this.#window.zoom(where === "in" ? 1 / ZOOM : ZOOM, this.#anchor());
    this.#listener.moved();
  }

  update(): void {
    const { isFollowing, spanMs } = this.#window;
    this.#pause.classList.toggle("paused", !isFollowing);
    say(find(this.#pause, ".name"), isFollowing ? "Pause" : "Go on");
    say(this.#span, duration(spanMs));
  }

  /** What stays where it is: what is looked at, else the present, else the middle. */
  #anchor(): number {
    const time = this.#listener.lookedAt();
    const place = time === undefined ? -1 : this.#window.x(time, 1);
    if (place >= 0 && place <= 1) return place;
    return this.#window.isFollowing ? 1 : 0.5;
  }
}
