import type { Clock } from "./clock.ts";

/** As much of the page as matters here; in Node and in workers most of it is missing. */
interface Surroundings {
  addEventListener?(
    type: string,
    listener: (event: { readonly type: string }) => void,
    options: { readonly signal: AbortSignal },
  ): void;
  readonly document?: { readonly hidden: boolean };
  readonly navigator?: { readonly onLine?: boolean };
}

const scene = globalThis as unknown as Surroundings;
// `visibilitychange` comes to the document, and bubbles.
const TYPES = ["online", "offline", "pagehide", "pageshow", "visibilitychange"];

/**
 * Whether the client should be connected now: not without a network, not in a page that is kept for going back, and not
 * in a tab that has been out of sight for long. `changed` is also called when the tab or the network is back: what stands
 * may be dead. Ends with the signal.
 */
export function watchWakefulness(
  clock: Clock,
  sleepAfterMs: number,
  signal: AbortSignal,
  changed: () => void,
): () => boolean {
  let isAway = false;
  let isAsleep = false;
  let cancelSleep: (() => void) | undefined;
  const isHidden = (): boolean | undefined => scene.document?.hidden;
  const calm = (): void => cancelSleep?.();
  const look = (): void => {
    calm();
    isAsleep = false;
    if (isHidden() !== true || sleepAfterMs === Infinity) return;
    cancelSleep = clock.after(sleepAfterMs, () => {
      isAsleep = true;
      changed();
    });
  };
  for (const name of TYPES) {
    scene.addEventListener?.(
      name,
      ({ type }) => {
        if (type.startsWith("page")) isAway = type === "pagehide";
        look();
        // A tab that goes out of sight changes nothing yet.
        if (type !== "visibilitychange" || isHidden() === false) changed();
      },
      { signal },
    );
  }
  signal.addEventListener("abort", calm);
  look();
  return () => !isAway && !isAsleep && scene.navigator?.onLine !== false;
}
