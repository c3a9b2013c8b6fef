import type { Axis } from "./geometry.ts";

const TAU = Math.PI * 2;
const HEAD = 6;

/** A place: right and down, in CSS pixels. */
export type Place = readonly [x: number, y: number];

/** What pictures are made of: lines, heads of arrows, bars, dots and hatching. */
export class Pen {
  readonly #context: CanvasRenderingContext2D;
  readonly #axis: Axis;

  constructor(context: CanvasRenderingContext2D, axis: Axis) {
    this.#context = context;
    this.#axis = axis;
  }

  /** Whatever is painted meanwhile lets so much of the ground be seen. */
  alpha(alpha: number, paint: () => void): void {
    this.#context.globalAlpha = alpha;
    paint();
    this.#context.globalAlpha = 1;
  }

  rectangle(color: string, x: number, y: number, width: number, height: number): void {
    this.#context.fillStyle = color;
    this.#context.fillRect(x, y, width, height);
  }

  /** Slanted lines that stay where they are in time. */
  hatch(color: string, x: number, y: number, width: number, height: number): void {
    const context = this.#context;
    const axis = this.#axis;
    const step = 5;
    const offset = axis.x(0) % step;
    const left = Math.max(0, x);
    const right = Math.min(axis.width, x + width);
    context.save();
    context.beginPath();
    context.rect(x, y, width, height);
    context.clip();
    context.beginPath();
    const first = Math.floor((left - offset) / step) * step + offset - height;
    for (let at = first; at < right; at += step) {
      context.moveTo(at, y + height);
      context.lineTo(at + height, y);
    }
    context.strokeStyle = color;
    context.lineWidth = 1.5;
    context.stroke();
    context.restore();
  }

  line(color: string, width: number, from: Place, to: Place): void {
    const context = this.#context;
    context.strokeStyle = color;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
  }

  /** The head of an arrow. */
  head(color: string, [x1, y1]: Place, [x2, y2]: Place): void {
    const context = this.#context;
    const angle = Math.atan2(y2 - y1, x2 - x1);
    const corner = (turn: number): Place => [x2 - HEAD * Math.cos(angle + turn), y2 - HEAD * Math.sin(angle + turn)];
    context.fillStyle = color;
    context.beginPath();
    context.moveTo(x2, y2);
    context.lineTo(...corner(0.42));
    context.lineTo(...corner(-0.42));
    context.fill();
  }

  ring(color: string, ground: string, x: number, y: number, radius: number): void {
    this.dot(ground, x, y, radius);
    this.#context.strokeStyle = color;
    this.#context.lineWidth = 1.25;
    this.#context.stroke();
  }

  dot(color: string, x: number, y: number, radius: number): void {
    const context = this.#context;
    context.fillStyle = color;
    context.beginPath();
    context.arc(x, y, radius, 0, TAU);
    context.fill();
  }
}
