import type { Arrow } from "../../src/stage/stage-protocol.ts";
import type { TimeWindow } from "../model/time-window.ts";
import { Canvas } from "./canvas.ts";
import { arrowAt, type Axis, type DrawnArrow } from "./geometry.ts";
import { LabelRow } from "./labels.ts";
import type { Palette } from "./palette.ts";
import { StripPicture, type StripLabels, type StripSubject } from "./strip-picture.ts";

/** What a strip asks for. */
export interface StripListener {
  /** Points at an arrow, or at none any more. */
  pointed(arrow: Arrow | null): void;
  /** Wants an arrow to stay shown; `null`: none. */
  picked(arrow: Arrow | null): void;
  /** The time window has changed. */
  moved(): void;
}

/** How near to an arrow one has to point, in pixels. */
const REACH = { mouse: 8, touch: 18 } as const;
/** Pixels that a hand may tremble before it is a drag. */
const TREMBLE = 4;
const WHEEL_ZOOM = 0.002;

/** A lane's strip of the sequence diagram, and what hands do with it. */
export class Strip {
  readonly #canvas: Canvas;
  readonly #subject: StripSubject;
  readonly #labels: StripLabels = { top: new LabelRow(), bottom: new LabelRow() };
  readonly #window: TimeWindow;
  readonly #listener: StripListener;
  readonly #pointers = new Map<number, { x: number; y: number }>();
  #drawn: readonly DrawnArrow[] = [];
  #hasDragged = false;
  #isInView = true;

  constructor(element: HTMLCanvasElement, subject: StripSubject, window: TimeWindow, listener: StripListener) {
    this.#canvas = new Canvas(element, () => listener.moved());
    this.#subject = subject;
    this.#window = window;
    this.#listener = listener;
    new IntersectionObserver(([entry]) => {
      this.#isInView = entry?.isIntersecting ?? true;
      listener.moved();
    }).observe(element);
    element.addEventListener("pointerdown", (event) => this.#press(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    element.addEventListener("pointerup", (event) => this.#release(event, true));
    element.addEventListener("pointercancel", (event) => this.#release(event, false));
    element.addEventListener("pointerleave", () => listener.pointed(null));
    element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  draw(now: number, palette: Palette, focus: Arrow | null): void {
    if (!this.#isInView) return;
    const { from, to } = this.#window;
    const { width } = this.#canvas;
    const scale = width / (to - from);
    const axis: Axis = { from, to, width, x: (time) => (time - from) * scale };
    const frame = { context: this.#canvas.begin(), axis, now, palette, focus };
    this.#drawn = new StripPicture(this.#subject, this.#labels, frame).paint();
  }

  #press(event: PointerEvent): void {
    this.#canvas.element.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    if (this.#pointers.size === 1) this.#hasDragged = false;
  }

  #move(event: PointerEvent): void {
    const last = this.#pointers.get(event.pointerId);
    if (last === undefined) {
      this.#listener.pointed(this.#arrowAt(event)?.arrow ?? null);
      return;
    }
    const byX = event.offsetX - last.x;
    if (!this.#hasDragged && Math.abs(byX) < TREMBLE) return;
    this.#hasDragged = true;
    if (this.#pointers.size === 2) this.#pinch(event);
    else this.#window.pan((-byX / this.#canvas.width) * this.#window.spanMs);
    this.#pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    this.#listener.moved();
  }

  /** Two fingers: the time between them stays between them. */
  #pinch(event: PointerEvent): void {
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    const last = this.#pointers.get(event.pointerId);
    if (other === undefined || last === undefined) return;
    const before = Math.max(20, Math.abs(last.x - other.x));
    const after = Math.max(20, Math.abs(event.offsetX - other.x));
    this.#window.zoom(before / after, other.x / this.#canvas.width);
  }

  #release(event: PointerEvent, isDone: boolean): void {
    this.#pointers.delete(event.pointerId);
    if (isDone && !this.#hasDragged) this.#listener.picked(this.#arrowAt(event)?.arrow ?? null);
  }

  /** With Ctrl (or two fingers on a touchpad) it zooms; sideways it moves. Else the page scrolls. */
  #wheel(event: WheelEvent): void {
    const { width } = this.#canvas;
    if (event.ctrlKey || event.metaKey) {
      const anchor = this.#window.isFollowing ? 1 : event.offsetX / width;
      this.#window.zoom(Math.exp(event.deltaY * WHEEL_ZOOM), anchor);
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const by = event.deltaX === 0 ? event.deltaY : event.deltaX;
      this.#window.pan((by / width) * this.#window.spanMs);
    } else return;
    event.preventDefault();
    this.#listener.moved();
  }

  #arrowAt({ offsetX, offsetY, pointerType }: PointerEvent): DrawnArrow | undefined {
    return arrowAt(this.#drawn, offsetX, offsetY, pointerType === "touch" ? REACH.touch : REACH.mouse);
  }
}
