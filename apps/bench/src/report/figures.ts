/** How figures are written for people: as many digits as mean something, a unit where there is none in the heading. */

/** `3.2`, `48`, `1 240`: three significant digits, thin spaces between thousands. `null` is a dash. */
export function digits(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return "–";
  const magnitude = Math.abs(value);
  if (magnitude >= 100) return grouped(Math.round(value));
  if (magnitude >= 10) return trimmed(value.toFixed(1));
  if (magnitude >= 0.1 || magnitude === 0) return trimmed(value.toFixed(2));
  return trimmed(value.toPrecision(2));
}

/** A whole number with thin spaces: `12 000`. */
export function grouped(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, "\u202F");
}

/** Milliseconds in the unit that reads best: `0.8 ms`, `2.5 s`. */
export function duration(ms: number | null): string {
  if (ms === null) return "–";
  return ms >= 1000 ? `${digits(ms / 1000)} s` : `${digits(ms)} ms`;
}

/** Bytes in the unit that reads best: `312 B`, `9.4 KiB`. */
export function size(bytes: number | null): string {
  if (bytes === null) return "–";
  if (Math.abs(bytes) >= 1024 * 1024) return `${digits(bytes / 1024 / 1024)} MiB`;
  return Math.abs(bytes) >= 1024 ? `${digits(bytes / 1024)} KiB` : `${digits(bytes)} B`;
}

function trimmed(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}
