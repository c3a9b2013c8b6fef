import { readFileSync } from "node:fs";

/** CSS: the variables that plots and page take their colours from, light and dark. */
export const COLOURS: string = readFileSync(new URL("colours.css", import.meta.url), "utf8");
