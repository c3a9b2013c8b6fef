import { setTimeout as delay } from "node:timers/promises";

/** How long a test waits for something before it gives up: far more than it takes, so that only a fault meets it. */
export const GIVE_UP_MS = 30_000;

/** Asks again and again until the answer is neither `undefined`, `null` nor `false`. @throws {Error} naming `what` */
export async function until<Answer>(
  what: string,
  ask: () => Answer | Promise<Answer>,
): Promise<Exclude<Answer, undefined | null | false>> {
  const endMs = performance.now() + GIVE_UP_MS;
  while (performance.now() < endMs) {
    const answer = await ask();
    if (answer !== undefined && answer !== null && answer !== false) {
      return answer as Exclude<Answer, undefined | null | false>;
    }
    await delay(5);
  }
  throw new Error(`Waited in vain for: ${what}`);
}
