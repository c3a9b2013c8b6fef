import type { LaneOrder, ReceiverMood } from "./stage-protocol.ts";

/** What the page asked for can't be done; the message says what is expected. */
export class OrderError extends Error {}

const MOODS: readonly string[] = ["ok", "fail", "hang", "gone"] satisfies readonly ReceiverMood[];
const LONGEST_OFFLINE_MS = 10 * 60_000;
const LONGEST_LATENCY_MS = 60_000;
const LEAST_BYTES_PER_SECOND = 10;
const MOST_BYTES_PER_SECOND = 1_000_000_000;
const MOST_SPEED = 10_000;

/** @throws {OrderError} */
export function laneOrderIn(body: unknown): LaneOrder {
  const order = membersOf(body);
  switch (order["do"]) {
    case "cut":
    case "heal":
      return { do: order["do"] };
    case "offline":
      return { do: "offline", forMs: numberIn(order, "forMs", 1, LONGEST_OFFLINE_MS) };
    case "slow":
      return {
        do: "slow",
        latencyMs: numberIn(order, "latencyMs", 0, LONGEST_LATENCY_MS),
        bytesPerSecond: numberIn(order, "bytesPerSecond", LEAST_BYTES_PER_SECOND, MOST_BYTES_PER_SECOND),
      };
    default:
      throw new OrderError('"do" is one of cut, offline, slow, heal');
  }
}

/** @throws {OrderError} */
export function moodIn(body: unknown): ReceiverMood {
  const { mood } = membersOf(body);
  if (typeof mood === "string" && MOODS.includes(mood)) return mood as ReceiverMood;
  throw new OrderError(`"mood" is one of ${MOODS.join(", ")}`);
}

/** @throws {OrderError} */
export function gatewayOrderIn(body: unknown): "restart" | "kill" {
  const order = membersOf(body)["do"];
  if (order === "restart" || order === "kill") return order;
  throw new OrderError('"do" is one of restart, kill');
}

/** @throws {OrderError} */
export function speedIn(body: unknown): number {
  const speed = numberIn(membersOf(body), "speed", 0, MOST_SPEED);
  if (speed > 0) return speed;
  throw new OrderError('"speed" is above 0');
}

function membersOf(body: unknown): Readonly<Record<string, unknown>> {
  if (typeof body === "object" && body !== null) return body as Readonly<Record<string, unknown>>;
  throw new OrderError("the body is an object");
}

function numberIn(order: Readonly<Record<string, unknown>>, name: string, min: number, max: number): number {
  const value = order[name];
  if (typeof value === "number" && value >= min && value <= max) return value;
  throw new OrderError(`"${name}" is a number, ${min} to ${max}`);
}
