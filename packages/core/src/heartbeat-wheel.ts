import type { Clock } from "./clock.ts";

/** A connected reader that shows from time to time that its connection lives. */
export interface HeartbeatMember {
  /**
   * Its time has come. The answer says after how many milliseconds it wants to be asked again; without one, after its
   * period. A reader that wrote a moment ago thus puts its heartbeat off without touching the wheel on each write.
   */
  beat(): number | void;
}

type Slot = Set<HeartbeatMember>;

/** All members with the same period: a ring of slots, one of which is served per tick. */
interface Ring {
  readonly tickMs: number;
  readonly slots: readonly Slot[];
  readonly stop: () => void;
  /** The slot served last. */
  current: number;
  size: number;
}

/** Ticks in a period. Heartbeats are late by one tick at the most: a second, where the period is 15. */
const TICKS = 15;

/**
 * Heartbeats of all connections by one timer per period, instead of one per connection: a timer with its closure costs
 * some 250 bytes, and 10 000 that were set together fire together. Members are spread over the ring as they come.
 */
export class HeartbeatWheel {
  readonly #clock: Clock;
  readonly #rings = new Map<number, Ring>();
  readonly #places = new Map<HeartbeatMember, { readonly ring: Ring; readonly slot: Slot }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many members there are. */
  get size(): number {
    return this.#places.size;
  }

  /** Calls `member.beat()` after `periodMs`, and again and again, until it is removed. A member has one place. */
  add(member: HeartbeatMember, periodMs: number): void {
    this.remove(member);
    const ring = this.#ringOf(periodMs);
    ring.size += 1;
    this.#place(member, ring, TICKS);
  }

  /** Idempotent. */
  remove(member: HeartbeatMember): void {
    const place = this.#places.get(member);
    if (place === undefined) return;
    place.slot.delete(member);
    this.#places.delete(member);
    this.#shrink(place.ring);
  }

  /** Stops all timers and lets go of all members. */
  close(): void {
    for (const ring of this.#rings.values()) ring.stop();
    this.#rings.clear();
    this.#places.clear();
  }

  #ringOf(periodMs: number): Ring {
    let ring = this.#rings.get(periodMs);
    if (ring === undefined) {
      // Whole milliseconds, rounded down: fractions would add up to a beat that comes after its period.
      const tickMs = Math.max(1, Math.floor(periodMs / TICKS));
      const made: Ring = {
        tickMs,
        // One more than a period has, so that "after a period" is not the slot that is being served.
        slots: Array.from({ length: TICKS + 1 }, () => new Set<HeartbeatMember>()),
        stop: this.#clock.every(tickMs, () => this.#tick(made)),
        current: 0,
        size: 0,
      };
      ring = made;
      this.#rings.set(periodMs, ring);
    }
    return ring;
  }

  #place(member: HeartbeatMember, ring: Ring, ticks: number): void {
    const ahead = Math.min(Math.max(1, ticks), TICKS);
    const slot = ring.slots[(ring.current + ahead) % ring.slots.length] as Slot;
    slot.add(member);
    this.#places.set(member, { ring, slot });
  }

  #tick(ring: Ring): void {
    ring.current = (ring.current + 1) % ring.slots.length;
    const slot = ring.slots[ring.current] as Slot;
    for (const member of Array.from(slot)) {
      const place = this.#places.get(member);
      // A beat may have sent others of this slot away.
      if (place?.slot !== slot) continue;
      slot.delete(member);
      this.#place(member, ring, TICKS);
      const againMs = member.beat();
      if (typeof againMs !== "number") continue;
      const moved = this.#places.get(member);
      if (moved?.ring !== ring) continue;
      moved.slot.delete(member);
      this.#place(member, ring, Math.ceil(againMs / ring.tickMs));
    }
  }

  #shrink(ring: Ring): void {
    ring.size -= 1;
    if (ring.size > 0) return;
    ring.stop();
    for (const [periodMs, kept] of this.#rings) if (kept === ring) this.#rings.delete(periodMs);
  }
}
