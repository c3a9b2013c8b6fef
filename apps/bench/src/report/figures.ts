/** How figures are written for people: as many digits as mean something, a unit where there is none in the heading. */

/** `3.20`, `48.0`, `1 240`: three significant digits, thin spaces between thousands. `null` is a dash. */
export function figure(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return "–";
  const magnitude = Math.abs(value);
  if (magnitude === 0) return "0";
  if (magnitude >= 99.95) return grouped(Math.round(value));
  if (magnitude >= 9.995) return value.toFixed(1);
  return magnitude >= 0.1 ? value.toFixed(2) : value.toPrecision(2);
}

/** The same by itself, where there is no column that it should be in line with: `3.2`, `48`. */
export function digits(value: number | null): string {
  const text = figure(value);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** A whole number with thin spaces: `12 000`. */
export function grouped(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, "\u202F");
}

/** Milliseconds in the unit that reads best: `0.8 ms`, `2.5 s`. */
export function duration(ms: number | null): string {
  if (ms === null) return "–";
  // By what will be written: 999.6 would be 1 000 ms.
  return Math.round(ms) >= 1000 ? `${digits(ms / 1000)} s` : `${digits(ms)} ms`;
}

/** A span that is waited for, rounded up: `48 s`, `5 min 19 s`. */
export function span(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 90 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** Bytes in the unit that reads best: `312 B`, `9.4 KiB`. */
export function size(bytes: number | null): string {
  if (bytes === null) return "–";
  const kib = bytes / 1024;
  if (Math.abs(Math.round(kib)) >= 1024) return `${digits(kib / 1024)} MiB`;
  return Math.abs(Math.round(bytes)) >= 1024 ? `${digits(kib)} KiB` : `${digits(bytes)} B`;
}
