const GIVE_UP_MS = 30_000;

/** Resolves as soon as the condition holds; looks once per turn of the event loop. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const giveUpAtMs = performance.now() + GIVE_UP_MS;
  while (!condition()) {
    if (performance.now() > giveUpAtMs) throw new Error(`Waited in vain for ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
