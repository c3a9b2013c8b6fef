import { setTimeout as delay } from "node:timers/promises";

const GIVE_UP_MS = 30_000;

/** Asks again and again until the answer is neither `undefined`, `null` nor `false`, and gives that answer. */
export async function until<Answer>(
  what: string,
  ask: () => Answer | Promise<Answer>,
  giveUpMs: number = GIVE_UP_MS,
): Promise<Exclude<Answer, undefined | null | false>> {
  const endMs = performance.now() + giveUpMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== null && answer !== false) {
      return answer as Exclude<Answer, undefined | null | false>;
    }
    if (performance.now() > endMs) throw new Error(`Waited in vain for: ${what}`);
    await delay(5);
  }
}
