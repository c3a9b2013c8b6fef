import type { Load } from "../results.ts";
import type { SweptPart } from "./scenario.ts";
import { digits, grouped, size } from "../report/figures.ts";

const TEXTS: Readonly<Record<SweptPart, (value: number) => string>> = {
  clients: (value) => `${grouped(value)} clients`,
  topics: (value) => `${grouped(value)} topics`,
  eventsPerSecond: (value) => `${digits(value)} events/s`,
  eventBytes: size,
};

/** A part of a load for people: `500 clients`, `20 events/s`, `1 KiB`. */
export function sweptText(part: SweptPart, load: Load): string {
  return TEXTS[part](load[part]);
}

/** The part in which loads differ; `null` if it is one load, or they differ in more than one part. */
export function sweptPart(loads: readonly Load[]): SweptPart | null {
  const [first] = loads;
  if (first === undefined) return null;
  const parts = (Object.keys(TEXTS) as readonly SweptPart[]).filter((part) =>
    loads.some((load) => load[part] !== first[part]),
  );
  return parts.length === 1 ? (parts[0] ?? null) : null;
}
