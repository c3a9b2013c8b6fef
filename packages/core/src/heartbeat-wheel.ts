import type { Clock } from "./clock.ts";

/** Something that wants to be woken once per period. */
export interface HeartbeatMember {
  /** Must not throw: the others of the same round would go without. */
  beat(): void;
}

/** The most parts that a period is cut into: how evenly the beats are spread over it. */
const MAX_SLOTS = 100;
/** A timer that fires more often than this would cost more than it spreads. */
const MIN_TICK_MS = 10;

/** All members of one period, in slots that are visited one after the other. */
class Ring {
  readonly slots: readonly Set<HeartbeatMember>[];
  readonly tickMs: number;
  size = 0;
  stop: (() => void) | null = null;
  #nextSlot = 0;
  #current = 0;

  constructor(periodMs: number) {
    const count = Math.min(MAX_SLOTS, Math.max(1, Math.floor(periodMs / MIN_TICK_MS)));
    this.slots = Array.from({ length: count }, () => new Set<HeartbeatMember>());
    this.tickMs = periodMs / count;
  }

  add(member: HeartbeatMember): void {
    // In turn and not by arrival: those that come back together after a cut would else beat together for ever.
    this.slots[this.#nextSlot]?.add(member);
    this.#nextSlot = (this.#nextSlot + 1) % this.slots.length;
    this.size += 1;
  }

  /** Looks into every slot: a member that remembered its own would cost memory in each idle connection. */
  remove(member: HeartbeatMember): boolean {
    for (const slot of this.slots) {
      if (!slot.delete(member)) continue;
      this.size -= 1;
      return true;
    }
    return false;
  }

  advance(): void {
    this.#current = (this.#current + 1) % this.slots.length;
    for (const member of this.slots[this.#current] ?? []) member.beat();
  }
}

/**
 * Heartbeats of any number of connections on one timer per period, instead of a timer and a closure for each. A member
 * beats once per period, the first time within one; the members are spread evenly over the period.
 */
export class HeartbeatWheel {
  readonly #clock: Clock;
  readonly #rings = new Map<number, Ring>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many members there are. */
  get size(): number {
    let size = 0;
    for (const ring of this.#rings.values()) size += ring.size;
    return size;
  }

  /** From now on `member.beat()` is called every `periodMs`. A member must not be added twice. */
  add(member: HeartbeatMember, periodMs: number): void {
    let ring = this.#rings.get(periodMs);
    if (ring === undefined) {
      ring = new Ring(periodMs);
      this.#rings.set(periodMs, ring);
    }
    ring.add(member);
    ring.stop ??= this.#clock.every(ring.tickMs, () => ring.advance());
  }

  /** Idempotent. With the last member of a period its timer ends. */
  remove(member: HeartbeatMember): void {
    for (const [periodMs, ring] of this.#rings) {
      if (!ring.remove(member)) continue;
      if (ring.size === 0) {
        ring.stop?.();
        this.#rings.delete(periodMs);
      }
      return;
    }
  }
}
