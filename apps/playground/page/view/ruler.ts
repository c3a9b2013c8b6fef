import type { Changes } from "../model/changes.ts";
import type { TimeWindow } from "../model/time-window.ts";
import { Canvas } from "./canvas.ts";
import { clockTime } from "./format.ts";
import { type Label, LabelRow } from "./labels.ts";
import type { Palette } from "./palette.ts";

const HEIGHT = 40;
/** Pixels between two times that are written. */
const TICK_GAP = 76;
const STEPS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000] as const;

/** The time axis above all lanes, with what happened to the orders. */
export class Ruler {
  readonly #canvas: Canvas;
  readonly #window: TimeWindow;
  readonly #changes: Changes;
  readonly #row = new LabelRow();

  constructor(element: HTMLCanvasElement, window: TimeWindow, changes: Changes, onResize: () => void) {
    this.#canvas = new Canvas(element, onResize);
    this.#window = window;
    this.#changes = changes;
  }

  draw(now: number, palette: Palette): void {
    const context = this.#canvas.begin();
    const { width } = this.#canvas;
    const { from, to, spanMs } = this.#window;
    const x = (time: number): number => ((time - from) / spanMs) * width;
    context.textBaseline = "middle";
    this.#drawChanges(context, x, width, palette);
    this.#drawTicks(context, { from, to, width, x }, palette);
    const present = x(now);
    if (present < 0 || present > width) return;
    context.fillStyle = palette.text;
    context.beginPath();
    context.moveTo(present, HEIGHT);
    context.lineTo(present - 4, HEIGHT - 6);
    context.lineTo(present + 4, HEIGHT - 6);
    context.fill();
  }

  #drawTicks(
    context: CanvasRenderingContext2D,
    { from, to, width, x }: { from: number; to: number; width: number; x: (time: number) => number },
    palette: Palette,
  ): void {
    const leastMs = ((to - from) / Math.max(1, width)) * TICK_GAP;
    const stepMs = STEPS_MS.find((step) => step >= leastMs) ?? 60_000;
    const digits = stepMs >= 1_000 ? 0 : stepMs >= 100 ? 1 : stepMs >= 10 ? 2 : 3;
    context.font = `10.5px ${palette.font}`;
    context.textAlign = "left";
    context.strokeStyle = palette.page;
    context.lineWidth = 3;
    context.lineJoin = "round";
    for (let time = Math.ceil(from / stepMs) * stepMs - stepMs; time <= to; time += stepMs) {
      const at = Math.round(x(time)) + 0.5;
      context.fillStyle = palette.line;
      context.fillRect(at - 0.5, HEIGHT - 18, 1, 18);
      const text = clockTime(time, digits);
      // Half a time is none.
      if (at + 5 < 0 || at + 5 + context.measureText(text).width > width) continue;
      context.strokeText(text, at + 5, HEIGHT - 8);
      context.fillStyle = palette.soft;
      context.fillText(text, at + 5, HEIGHT - 8);
    }
  }

  #drawChanges(context: CanvasRenderingContext2D, x: (time: number) => number, width: number, palette: Palette): void {
    const labels: Label[] = [];
    for (const change of this.#changes.all) {
      const at = x(change.time);
      if (at < -60 || at > width + 60) continue;
      const color = palette.hues[change.hue] as string;
      context.fillStyle = color;
      context.fillRect(at - 0.75, 17, 1.5, HEIGHT - 17);
      labels.push({ key: change.place, x: at, texts: [this.#changes.label(change)], color, weight: 1 });
    }
    context.font = `600 10.5px ${palette.font}`;
    context.textAlign = "center";
    context.strokeStyle = "transparent";
    this.#row.draw(context, labels, 9, width);
  }
}
