import type { Clock } from "./clock.ts";

/** As much of the page as matters here; in Node and in workers most of it is missing. */
interface Scene {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}
interface Page extends Scene {
  readonly hidden?: boolean;
}
interface Surroundings extends Scene {
  readonly document?: Page;
  readonly navigator?: { readonly onLine?: boolean };
}

const ON_WINDOW = ["online", "offline", "pagehide", "pageshow"] as const;
const ON_DOCUMENT = ["visibilitychange", "freeze", "resume"] as const;

/**
 * Whether the client should be connected now: not without a network, not in a page that is kept for going back, and not
 * in a tab that has been out of sight for long.
 */
export class Wakefulness {
  readonly #scene = globalThis as unknown as Surroundings;
  readonly #clock: Clock;
  readonly #sleepAfterMs: number;
  readonly #changed: (isAwake: boolean) => void;
  #cancelSleep: (() => void) | undefined;
  #isAway = false;
  #isAsleep = false;
  #isAwake = true;

  /** `changed` is also called with `true` if the client was awake and the tab came back: what stands may be dead. */
  constructor(clock: Clock, sleepAfterMs: number, changed: (isAwake: boolean) => void) {
    this.#clock = clock;
    this.#sleepAfterMs = sleepAfterMs;
    this.#changed = changed;
    for (const type of ON_WINDOW) this.#scene.addEventListener?.(type, this.#look);
    for (const type of ON_DOCUMENT) this.#scene.document?.addEventListener?.(type, this.#look);
    this.#settle();
  }

  get isAwake(): boolean {
    return this.#isAwake;
  }

  close(): void {
    this.#cancelSleep?.();
    for (const type of ON_WINDOW) this.#scene.removeEventListener?.(type, this.#look);
    for (const type of ON_DOCUMENT) this.#scene.document?.removeEventListener?.(type, this.#look);
  }

  readonly #look = (event?: { readonly type?: string }): void => {
    const type = event?.type;
    if (type === "pagehide" || type === "freeze") this.#isAway = true;
    if (type === "pageshow" || type === "resume") this.#isAway = false;
    this.#settle(type);
  };

  #settle(type?: string): void {
    const { document, navigator } = this.#scene;
    const isHidden = document?.hidden === true;
    if (!isHidden) {
      this.#cancelSleep?.();
      this.#cancelSleep = undefined;
      this.#isAsleep = false;
    } else if (this.#sleepAfterMs < Infinity) {
      this.#cancelSleep ??= this.#clock.after(this.#sleepAfterMs, () => {
        this.#isAsleep = true;
        this.#settle();
      });
    }
    const wasAwake = this.#isAwake;
    this.#isAwake = !this.#isAway && !this.#isAsleep && navigator?.onLine !== false;
    const isBack = type === "online" || (type === "visibilitychange" && !isHidden);
    if (this.#isAwake !== wasAwake || (this.#isAwake && isBack)) this.#changed(this.#isAwake);
  }
}
