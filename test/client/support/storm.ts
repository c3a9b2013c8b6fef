import type { Clock } from "@sluice/client";
import { setTimeout as delay } from "node:timers/promises";
import type { Publisher } from "../../support/publisher.ts";
import type { Settings } from "../../support/settings.ts";
import type { Chance } from "./chance.ts";
import type { Temper } from "./hostile-proxy.ts";

/** Events of one run. */
export const STORM_EVENTS = 10_000;

/** A gateway whose heartbeats come often, so that a run takes seconds and not minutes. */
export const STORM_GATEWAY: Settings = {
  public: { cors: { origins: ["*"] } },
  limits: { connections_per_ip: 20_000 },
  transports: { sse: { heartbeat: "1s", retry: "100ms" }, websocket: { heartbeat: "1s" } },
};

/** The client's patience in a run. */
export const STORM_TIMING = {
  connectMs: 1_200,
  firstFrameMs: 700,
  silenceMs: 2_200,
  pongMs: 700,
  waitMs: 1_000,
  pollMs: 50,
  climbMs: 700,
  shortMs: 250,
} as const;

/** The waits between attempts are a fifth of what they are else: so many failures would take minutes. */
export const STORM_CLOCK: Clock = {
  monotonic: () => performance.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, Math.max(0, delayMs));
    return () => clearTimeout(timer);
  },
  random: () => Math.random() / 5,
};

/** A bit of everything. */
export const STORM: Temper = { pass: 3, cut: 6, stall: 1, buffer: 1, "bad-gateway": 1, refuse: 1, "no-upgrade": 2 };

/** What `auto` has to come through: first upgrades are dropped, then streams are held back too, then all is well. */
const PHASES: readonly Temper[] = [STORM, { "no-upgrade": 6, cut: 3 }, { buffer: 8, cut: 1 }, STORM, { pass: 1 }];

/** The phase in which a run is that has had so many events. */
export function phaseOf(count: number): Temper {
  return PHASES[Math.floor((count / STORM_EVENTS) * PHASES.length)] ?? STORM;
}

/** Publishes the numbers 1 to `count` as data, in batches of chance sizes, over some seconds. */
export async function publishNumbers(
  publisher: Publisher,
  topic: string,
  chance: Chance,
  count: number = STORM_EVENTS,
): Promise<void> {
  let next = 1;
  while (next <= count) {
    const size = Math.min(chance.between(1, 40), count - next + 1);
    const first = next;
    // One batch behind the other: their order is what is looked at.
    await publisher.publish(...Array.from({ length: size }, (_, index) => ({ topic, data: first + index })));
    next += size;
    // The pace of a publisher, not a wait for something.
    await delay(chance.between(0, 10));
  }
}

/** What is wrong with the numbers received: `null` if they are 1 to `count`, each once and in order. */
export function faultIn(numbers: readonly number[], count: number = STORM_EVENTS): string | null {
  for (let index = 0; index < count; index += 1) {
    const number = numbers[index];
    if (number === index + 1) continue;
    if (number === undefined) return `lost: ${index + 1} and what follows`;
    return number > index + 1
      ? `lost: ${index + 1} (${number} came)`
      : `again or out of order: ${number} after ${index}`;
  }
  return numbers.length === count ? null : `${numbers.length - count} too many`;
}
