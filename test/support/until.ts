import { setTimeout as delay } from "node:timers/promises";

/** How long a test waits for something before it gives up: far more than it takes, so that only a fault meets it. */
export const GIVE_UP_MS = 30_000;

/**
 * Asks again and again until the answer is neither `undefined`, `null` nor `false`, and gives that answer. For what
 * can't be subscribed to; a failing question counts as no answer yet.
 * @throws {Error} naming `what` and the last failure, after {@link GIVE_UP_MS}
 */
export async function until<Answer>(
  what: string,
  ask: () => Answer | Promise<Answer>,
  giveUpMs: number = GIVE_UP_MS,
): Promise<Exclude<Answer, undefined | null | false>> {
  const endMs = performance.now() + giveUpMs;
  let failure: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== null && answer !== false) {
        return answer as Exclude<Answer, undefined | null | false>;
      }
    } catch (error) {
      failure = error;
    }
    if (performance.now() > endMs) throw new Error(`Waited in vain for: ${what}`, { cause: failure });
    await delay(10);
  }
}
