/** A text that would like to be shown. */
export interface Label {
  /** Of what: the same one keeps its place from one picture to the next. */
  readonly key: number;
  readonly x: number;
  /** The longer text is taken where there is room. */
  readonly texts: readonly string[];
  readonly color: string;
  /** Higher ones are placed first. */
  readonly weight: number;
}

/** As much of a canvas as labels need. */
export interface Paper {
  fillStyle: unknown;
  measureText(text: string): { readonly width: number };
  strokeText(text: string, x: number, y: number): void;
  fillText(text: string, x: number, y: number): void;
}

const GAP = 8;

/** A row of labels that do not overlap. What is shown stays, so that the row does not flicker as time goes on. */
export class LabelRow {
  readonly #widths = new Map<string, number>();
  #shown = new Set<number>();

  /** Draws as many as there is room for, `y` being the middle of the line; with an edge in the context's stroke. */
  draw(context: Paper, labels: readonly Label[], y: number, width: number): void {
    const taken: (readonly [from: number, to: number])[] = [];
    const shown = new Set<number>();
    const rank = ({ key, weight }: Label): number => weight * 2 + (this.#shown.has(key) ? 1 : 0);
    for (const label of labels.toSorted((a, b) => rank(b) - rank(a))) {
      for (const text of label.texts) {
        const half = this.#widthOf(context, text) / 2;
        const middle = Math.min(Math.max(label.x, half + 2), width - half - 2);
        // What has left the picture does not stand at its edge.
        if (Math.abs(middle - label.x) > half + 4) break;
        const [from, to] = [middle - half - GAP, middle + half + GAP];
        if (taken.some(([begin, end]) => from < end - GAP && to > begin + GAP)) continue;
        taken.push([from, to]);
        shown.add(label.key);
        context.strokeText(text, middle, y);
        context.fillStyle = label.color;
        context.fillText(text, middle, y);
        break;
      }
    }
    this.#shown = shown;
  }

  #widthOf(context: Paper, text: string): number {
    let width = this.#widths.get(text);
    if (width === undefined) {
      if (this.#widths.size > 1_000) this.#widths.clear();
      width = context.measureText(text).width;
      this.#widths.set(text, width);
    }
    return width;
  }
}
