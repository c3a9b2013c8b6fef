/** Text or number that is no such quantity, and what was expected. */
export class QuantityError extends Error {
  override readonly name: string = "QuantityError";
}

const MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };
const BYTES: Readonly<Record<string, number>> = { "": 1, B: 1, KiB: 1024, MiB: 1024 ** 2 };

/** `200ms`, `5s`, `2m`; numbers are seconds. @throws {QuantityError} */
export function parseDuration(value: unknown): number {
  if (typeof value === "number" && value >= 0) return Math.round(value * 1000);
  const [, amount, unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(String(value)) ?? [];
  if (amount === undefined) throw new QuantityError("a duration like 200ms or 5s");
  return Math.round(Number(amount) * (MS[unit] ?? 1000));
}

/** `1KiB`; numbers are bytes. @throws {QuantityError} */
export function parseSize(value: unknown): number {
  const [, amount, unit = ""] = /^(\d+)(B|KiB|MiB)?$/.exec(String(value)) ?? [];
  if (amount === undefined) throw new QuantityError("a size like 200 or 1KiB");
  return Number(amount) * (BYTES[unit] ?? 1);
}

/** A whole number within bounds. @throws {QuantityError} */
export function parseCount(min: number, max: number): (value: unknown) => number {
  return (value) => {
    const count = /^\d+$/.test(String(value)) ? Number(value) : Number.NaN;
    if (count >= min && count <= max) return count;
    throw new QuantityError(`a whole number from ${min} to ${max}`);
  };
}

/** Events per second. @throws {QuantityError} */
export function parseRate(value: unknown): number {
  const rate = /^\d+(?:\.\d+)?$/.test(String(value)) ? Number(value) : Number.NaN;
  if (rate > 0 && rate <= 100_000) return rate;
  throw new QuantityError("events per second, like 20 or 0.5");
}

/** A list, or one text with commas. */
export function parseList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value as readonly unknown[];
  return String(value)
    .split(",")
    .map((part) => part.trim());
}

/** Some of these names, each once. @throws {QuantityError} */
export function parseNames(known: readonly string[]): (value: unknown) => readonly string[] {
  return (value) => {
    const names = [...new Set(parseList(value).map(String))];
    const unknown = names.find((name) => !known.includes(name));
    if (unknown === undefined) return names;
    throw new QuantityError(`some of ${known.join(", ")}; there is no ${unknown}`);
  };
}
