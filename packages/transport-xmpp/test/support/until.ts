import { setImmediate as turn, setTimeout as delay } from "node:timers/promises";

/** Far more than anything takes, so that only a fault meets it. */
const GIVE_UP_MS = 60_000;
/** Most of what is waited for comes within a few turns of the event loop. What does not may need the processor. */
const TURNS = 100;

/** Resolves as soon as the condition holds. @throws what the condition throws */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAtMs = performance.now() + GIVE_UP_MS;
  for (let looks = 0; !(await condition()); looks += 1) {
    if (performance.now() > giveUpAtMs) throw new Error(`Waited in vain for ${what}`);
    await (looks < TURNS ? turn() : delay(2));
  }
}
