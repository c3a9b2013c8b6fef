/** A canvas that is as sharp as the screen, whatever its size becomes. */
export class Canvas {
  readonly element: HTMLCanvasElement;
  readonly context: CanvasRenderingContext2D;
  #width = 0;
  #height = 0;

  /** @param onResize what was drawn is gone */
  constructor(element: HTMLCanvasElement, onResize: () => void) {
    this.element = element;
    this.context = element.getContext("2d") as CanvasRenderingContext2D;
    new ResizeObserver(() => {
      this.#fit();
      onResize();
    }).observe(element);
    this.#fit();
  }

  /** In CSS pixels. */
  get width(): number {
    return this.#width;
  }

  /** Empties it; from here on, units are CSS pixels. */
  begin(): CanvasRenderingContext2D {
    const scale = devicePixelRatio;
    // Moving to another screen is no resize.
    if (this.element.width !== Math.round(this.#width * scale)) this.#fit();
    this.context.setTransform(scale, 0, 0, scale, 0, 0);
    this.context.clearRect(0, 0, this.#width, this.#height);
    return this.context;
  }

  #fit(): void {
    const scale = devicePixelRatio;
    this.#width = this.element.clientWidth;
    this.#height = this.element.clientHeight;
    this.element.width = Math.round(this.#width * scale);
    this.element.height = Math.round(this.#height * scale);
  }
}
