import type { TransportName } from "./transport.ts";

/** How a connection ended, as far as the choice of the next transport is concerned. */
export type Fall =
  /** It came to nothing: never opened. */
  | "vain"
  /** The gateway answered that it is to be tried later. */
  | "told"
  /** It opened and was cut. */
  | "cut"
  /** Something between does not let this transport through, or it stood and fell silent. */
  | "bad"
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
 *            vain (the first rung: at once, others: twice), bad, three short ones
 *   websocket ──────────► sse ──────────► long-polling ──────────► polling
 *       ▲                  │                   │                      │
 *       └──── climb: at `climbAtMs` a better one is tried beside it ──┘
 * ```
 *
 * Attempts go in rounds: each begins at home, the rung that worked last, and goes down where rungs have shown
 * themselves useless. A round in which none worked is followed by a wait.
 */
export class Ladder {
  readonly #rungs: TransportName[];
  readonly #climbMs: number;
  readonly #shortMs: number;
  readonly #vain = new Map<TransportName, number>();
  #at = 0;
  #home = 0;
  #shorts = 0;
  #openedAtMs: number | null = null;
  #climbFactor = 1;
  #climbAtMs: number | null = null;

  /** `rungs`: the best first, at least one. */
  constructor(rungs: readonly TransportName[], { climbMs, shortMs }: { climbMs: number; shortMs: number }) {
    this.#rungs = [...rungs];
    this.#climbMs = climbMs;
    this.#shortMs = shortMs;
  }

  /** What to try next, or what is in use; `null` if the gateway has none of them. */
  get current(): TransportName | null {
    return this.#rungs[this.#at] ?? null;
  }

  /** When one of {@link better} should be tried; `null` if this is the best there is. */
  get climbAtMs(): number | null {
    return this.#at === 0 ? null : this.#climbAtMs;
  }

  /** Those above the one in use, the best first. */
  get better(): readonly TransportName[] {
    return this.#rungs.slice(0, this.#at);
  }

  /** The connection stands. */
  opened(nowMs: number): void {
    this.#openedAtMs = nowMs;
    this.#vain.clear();
    if (this.#home !== this.#at) {
      this.#home = this.#at;
      this.#shorts = 0;
    }
    if (this.#at > 0 && this.#climbAtMs === null) this.#planClimb(nowMs);
  }

  /** The connection ended, or none came about. Whether to try {@link current} at once, without a wait. */
  fell(how: Fall, nowMs: number): boolean {
    const openedAtMs = this.#openedAtMs;
    this.#openedAtMs = null;
    if (how === "off") return this.#remove();
    if (how === "bad") return this.#down();
    if (how === "told") {
      this.#at = this.#home;
      return false;
    }
    if (openedAtMs === null) return this.#inVain();
    const hasStoodMs = nowMs - openedAtMs;
    if (hasStoodMs >= this.#shortMs) this.#shorts = 0;
    else if ((this.#shorts += 1) >= SHORT_MAX) {
      this.#down();
      this.#home = this.#at;
    }
    // What has stood so long after a climb has earned it that the next climb is tried as soon as the first was.
    if (this.#at === 0 && hasStoodMs >= this.#climbMs) this.#climbFactor = 1;
    return false;
  }

  /** The connection was let go: that says nothing about the rung. */
  released(): void {
    this.#openedAtMs = null;
  }

  /** A better one has been tried and works: it is the next to be used. */
  climbed(name: TransportName): void {
    this.#at = this.#rungs.indexOf(name);
    this.#home = this.#at;
    this.#shorts = 0;
    this.#openedAtMs = null;
    this.#climbAtMs = null;
  }

  /** None of the better ones works yet. */
  stayed(nowMs: number): void {
    this.#planClimb(nowMs);
  }

  #planClimb(nowMs: number): void {
    this.#climbAtMs = nowMs + this.#climbMs * this.#climbFactor;
    this.#climbFactor = Math.min(this.#climbFactor * 2, CLIMB_FACTOR_MAX);
  }

  #remove(): boolean {
    this.#rungs.splice(this.#at, 1);
    this.#home = Math.max(0, Math.min(this.#home, this.#rungs.length - 1));
    if (this.#at < this.#rungs.length) return true;
    this.#at = this.#home;
    return false;
  }

  #inVain(): boolean {
    const name = this.#rungs[this.#at] as TransportName;
    const count = (this.#vain.get(name) ?? 0) + 1;
    this.#vain.set(name, count);
    // A browser does not say why a WebSocket failed; whether the gateway is there at all, the next rung finds out.
    if (name === "websocket" || count >= VAIN_MAX) return this.#down();
    this.#at = this.#home;
    return false;
  }

  #down(): boolean {
    this.#shorts = 0;
    if (this.#at + 1 < this.#rungs.length) {
      this.#at += 1;
      this.#climbAtMs = null;
      return true;
    }
    // None works: the next round begins at the top.
    this.#home = 0;
    this.#at = 0;
    return false;
  }
}
