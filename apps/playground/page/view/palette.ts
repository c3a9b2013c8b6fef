import { HUES } from "../model/changes.ts";

/** The colours of the drawings, as the style sheets have them for light and dark. */
export interface Palette {
  readonly text: string;
  readonly soft: string;
  readonly line: string;
  /** Behind the strips. */
  readonly ground: string;
  /** Behind everything. */
  readonly page: string;
  readonly wasted: string;
  readonly wait: string;
  readonly bad: string;
  readonly slow: string;
  readonly hues: readonly string[];
  readonly font: string;
}

/** Reads the palette that is in force. A canvas knows nothing of custom properties, so an element is asked. */
export function readPalette(): Palette {
  const probe = document.body.appendChild(document.createElement("i"));
  const style = getComputedStyle(probe);
  const of = (name: string): string => {
    probe.style.color = `var(--${name})`;
    return style.color;
  };
  const palette = {
    text: of("text"),
    soft: of("soft"),
    line: of("line"),
    ground: of("card"),
    page: of("ground"),
    wasted: of("wasted"),
    wait: of("wait"),
    bad: of("bad"),
    slow: of("slow"),
    hues: Array.from({ length: HUES }, (_, index) => of(`hue-${index}`)),
    font: style.fontFamily,
  };
  probe.remove();
  return palette;
}
