const INTEGER = new Intl.NumberFormat("en");

/** `1,234`. */
export function count(value: number): string {
  return INTEGER.format(value);
}

/** `512 B`, `1.2 kB`, `34 kB`. */
export function bytes(value: number): string {
  if (value < 1_000) return `${value} B`;
  if (value < 1_000_000) return `${(value / 1_000).toFixed(value < 10_000 ? 1 : 0)} kB`;
  return `${(value / 1_000_000).toFixed(1)} MB`;
}

/** `0.4 ms`, `12 ms`, `1.3 s`; a dash for `null`. */
export function duration(ms: number | null): string {
  if (ms === null) return "–";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

/** `14:03:22`, with as many digits behind it as are asked for. */
export function clockTime(time: number, digits: 0 | 1 | 2 | 3 = 0): string {
  const date = new Date(time);
  const seconds = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, "0"));
  const fraction = digits === 0 ? "" : `.${String(date.getMilliseconds()).padStart(3, "0").slice(0, digits)}`;
  return seconds.join(":") + fraction;
}
