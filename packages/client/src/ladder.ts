import type { TransportName } from "./transport.ts";

/** How a connection ended, as far as the choice of the next transport is concerned. */
export type Fall =
  /** It opened and was cut, or came to nothing. */
  | "cut"
  /** Something between does not let this transport through, or it stood and fell silent. */
  | "bad"
  /** The gateway answered that it is to be tried later. */
  | "told"
  /** The gateway does not have it. */
  | "off";

/** Attempts in vain on a lower rung before the next one is tried: a gateway that is away is no reason to go down. */
const VAIN_MAX = 2;
/** Short connections in a row that a rung is given. */
const SHORT_MAX = 3;
const CLIMB_FACTOR_MAX = 16;

/**
 * Chooses the transport: the best one that works. A pure state machine; time comes in as an argument.
 *
 * ```
 *            in vain (the first rung: at once, others: twice), bad, three short ones
 *   websocket ──────────► sse ──────────► long-polling ──────────► polling
 *       ▲                  │                   │                      │
 *       └──── climb: at `climbAtMs` a better one is tried beside it ──┘
 * ```
 *
 * Attempts go in rounds: each begins at home, the rung that worked last, and goes down where rungs have shown
 * themselves useless. A round in which none worked is followed by a wait.
 */
export interface Ladder {
  /** What to try next, or what is in use; `undefined` if the gateway has none of them. */
  current(): TransportName | undefined;
  /** When one of {@link Ladder.better} should be tried; `null` if this is the best there is. */
  climbAtMs(): number | null;
  /** Those above the one in use, the best first. */
  better(): readonly TransportName[];
  /** The connection stands. */
  opened(nowMs: number): void;
  /** The connection ended, or none came about. Whether to try the current one at once, without a wait. */
  fell(how: Fall, nowMs: number): boolean;
  /** The connection was let go: that says nothing about the rung. */
  released(): void;
  /** A better one has been tried and works: it is the next to be used. */
  climbed(name: TransportName): void;
  /** None of the better ones works yet. */
  stayed(nowMs: number): void;
}

/** `names`: the best first, at least one. */
export function newLadder(
  names: readonly TransportName[],
  { climbMs, shortMs }: { readonly climbMs: number; readonly shortMs: number },
): Ladder {
  const rungs = [...names];
  /** Attempts in vain since a connection stood. */
  let vain: Partial<Record<TransportName, number>> = {};
  let at = 0;
  let home = 0;
  let shorts = 0;
  let openedAtMs: number | null = null;
  let climbFactor = 1;
  let climbAtMs: number | null = null;

  const stayed = (nowMs: number): void => {
    climbAtMs = nowMs + climbMs * climbFactor;
    climbFactor = Math.min(climbFactor * 2, CLIMB_FACTOR_MAX);
  };

  const goTo = (rung: number): void => {
    at = rung;
    shorts = 0;
    climbAtMs = null;
  };

  /** From the last one the next round begins at the top. */
  const down = (): boolean => {
    const hasMore = at + 1 < rungs.length;
    goTo(hasMore ? at + 1 : 0);
    if (!hasMore) home = 0;
    return hasMore;
  };

  const inVain = (): boolean => {
    const name = rungs[at] as TransportName;
    vain[name] = (vain[name] ?? 0) + 1;
    // A browser does not say why a WebSocket failed; whether the gateway is there at all, the next rung finds out.
    if (name === "websocket" || vain[name] >= VAIN_MAX) return down();
    at = home;
    return false;
  };

  return {
    current: () => rungs[at],
    climbAtMs: () => (at === 0 ? null : climbAtMs),
    better: () => rungs.slice(0, at),
    opened(nowMs) {
      openedAtMs = nowMs;
      home = at;
      vain = {};
      if (at > 0 && climbAtMs === null) stayed(nowMs);
    },
    fell(how, nowMs) {
      const stoodMs = openedAtMs === null ? null : nowMs - openedAtMs;
      openedAtMs = null;
      // What has stood so long has earned it that the next climb is tried as soon as the first was.
      if (at === 0 && stoodMs !== null && stoodMs >= climbMs) climbFactor = 1;
      if (how === "off") {
        rungs.splice(at, 1);
        if (at < rungs.length) return true;
        at = home = 0;
        return false;
      }
      if (how === "bad") return down();
      if (how === "told") {
        at = home;
        return false;
      }
      if (stoodMs === null) return inVain();
      if (stoodMs >= shortMs) shorts = 0;
      else if ((shorts += 1) >= SHORT_MAX) {
        down();
        home = at;
      }
      return false;
    },
    released() {
      openedAtMs = null;
    },
    climbed(name) {
      goTo(rungs.indexOf(name));
      home = at;
      openedAtMs = null;
    },
    stayed,
  };
}
