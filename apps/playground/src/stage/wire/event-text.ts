/** What is worth telling of an event. */
export interface EventSight {
  readonly topic: string;
  readonly type: string;
}

/** The JSON in some bytes, if that is what they are. */
export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString()) as unknown;
  } catch {
    return undefined;
  }
}

/** Whether a value is an object, with members that are not known yet. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The event in a value that was JSON; `null` if it is none. */
export function eventIn(value: unknown): EventSight | null {
  if (!isRecord(value)) return null;
  const { topic, type } = value;
  return typeof topic === "string" && typeof type === "string" ? { topic, type } : null;
}

/** `orders/k3m9xz updated` */
export function eventLabel({ topic, type }: EventSight): string {
  return `${topic} ${type}`;
}

/** `no events`, `1 event`, `2 events` */
export function eventCount(count: number): string {
  return count === 0 ? "no events" : count === 1 ? "1 event" : `${count} events`;
}
