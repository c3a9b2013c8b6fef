const DURATION = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)$/;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const SIZE = /^([0-9]+(?:\.[0-9]+)?)([KMGT]?)(i?)B$/;
const POWERS = ["", "K", "M", "G", "T"];

/** Milliseconds of a duration: a text such as `250ms`, or a number of seconds. Undefined if it is neither. */
export function parseDuration(value: string | number): number | undefined {
  if (typeof value === "number") return whole(value * 1_000);
  const match = DURATION.exec(value);
  const unit = UNIT_MS[match?.[2] ?? ""];
  return match === null || unit === undefined ? undefined : whole(Number(match[1]) * unit);
}

/** Bytes of a size: a text such as `64KiB` (powers of 1024) or `64KB` (of 1000), or a number of bytes. */
export function parseSize(value: string | number): number | undefined {
  if (typeof value === "number") return Number.isInteger(value) ? whole(value) : undefined;
  const match = SIZE.exec(value);
  if (match === null || (match[2] === "" && match[3] !== "")) return undefined;
  return whole(Number(match[1]) * (match[3] === "i" ? 1024 : 1000) ** POWERS.indexOf(match[2] ?? ""));
}

function whole(value: number): number | undefined {
  const rounded = Math.round(value);
  return rounded >= 0 && Number.isSafeInteger(rounded) ? rounded : undefined;
}
