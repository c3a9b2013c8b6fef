import type { Setup } from "../../src/stage/stage-protocol.ts";
import { find, make, say } from "./dom.ts";

/** What the counter asks for. */
export interface CounterListener {
  ordered(pizzas: readonly string[]): void;
  /** So many times faster than on the menu. */
  speedChanged(speed: number): void;
}

/** Drawn on each pizza: where, how large and in which colour. */
const TOPPINGS: Readonly<Record<string, readonly string[]>> = {
  marinara: ["#e8472b", "#f6e3c5", "#6b8e23"],
  margherita: ["#fff3d6", "#fff3d6", "#3f8f3a"],
  funghi: ["#d9b38c", "#b98d62", "#fff3d6"],
  diavola: ["#b3261e", "#c8322a", "#fff3d6"],
  "quattro-formaggi": ["#fff3d6", "#e9d07a", "#b7c4a5"],
  calzone: [],
};
const PLACES = [
  [12, 10],
  [20, 13],
  [14, 19],
  [21, 21],
  [9, 16],
  [17, 7.5],
] as const;
const FASTEST = 60;
const TEN = 10;

/** The counter: the menu, ten at once, and how fast pizzas are made. */
export class Counter {
  readonly #slider = find<HTMLInputElement>(document, "#speed");
  readonly #speedText = find(document, "#speed-text");
  readonly #trouble = find(document, "#order-trouble");

  constructor({ menu, speed }: Setup, listener: CounterListener) {
    const names = menu.map(({ name }) => name);
    for (const { name, toppings } of menu) {
      const button = make("button", "pizza-button");
      button.type = "button";
      button.title = toppings.join(", ");
      button.dataset["pizza"] = name;
      button.innerHTML = pictureOf(name);
      button.append(make("span", "", name.replace("-", " ")));
      button.addEventListener("click", () => listener.ordered([name]));
      find(document, "#menu").append(button);
    }
    find(document, "#ten").addEventListener("click", () => {
      listener.ordered(Array.from({ length: TEN }, (_, index) => names[index % names.length] ?? ""));
    });
    this.showSpeed(speed);
    this.#slider.addEventListener("input", () => {
      const chosen = speedAt(Number(this.#slider.value));
      this.#say(chosen);
      listener.speedChanged(chosen);
    });
  }

  /** The speed was set, here or elsewhere. */
  showSpeed(speed: number): void {
    if (document.activeElement !== this.#slider) this.#slider.value = String(placeOf(speed));
    this.#say(speed);
  }

  /** Why an order was not taken; empty: it was. */
  showTrouble(text: string): void {
    say(this.#trouble, text);
  }

  #say(speed: number): void {
    const text = `${speed < 10 ? Number(speed.toFixed(1)) : Math.round(speed)}×`;
    say(this.#speedText, text);
    this.#slider.setAttribute("aria-valuetext", `${text} as fast as on the menu`);
  }
}

/** From 1 to {@link FASTEST}, the same step everywhere a factor of the same size. */
function speedAt(place: number): number {
  return FASTEST ** (place / 100);
}

function placeOf(speed: number): number {
  return Math.round((Math.log(Math.max(1, speed)) / Math.log(FASTEST)) * 100);
}

function pictureOf(name: string): string {
  const colors = TOPPINGS[name] ?? [];
  const isFolded = colors.length === 0;
  const dots = PLACES.map(([x, y], index) => {
    const color = colors[index % Math.max(1, colors.length)];
    return color === undefined
      ? ""
      : `<circle cx="${x}" cy="${y}" r="${index % 3 === 2 ? 1.9 : 2.5}" fill="${color}"/>`;
  }).join("");
  const body = isFolded
    ? '<path d="M3 19a12 12 0 0 1 24 0q-12 5-24 0z" fill="#d99a4e"/><path d="M6 18a9 9 0 0 1 18 0" fill="none" stroke="#b9752f" stroke-width="1.5" stroke-dasharray="2 2"/>'
    : `<circle cx="15" cy="15" r="13" fill="#d08a3e"/><circle cx="15" cy="15" r="10.5" fill="#e4572e"/><circle cx="15" cy="15" r="10" fill="#f2b84b" opacity=".75"/>${dots}`;
  return `<svg viewBox="0 0 30 30" aria-hidden="true">${body}</svg>`;
}
