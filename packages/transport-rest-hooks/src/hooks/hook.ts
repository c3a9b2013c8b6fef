import type { Gap } from "@sluice/core";

/**
 * Where a hook is in its life.
 *
 * ```
 * pending ──handshake──► active ◄──owner──► paused
 *    │                    │  ▲
 *    │        breaker opens  one success (a probe's)
 *    │                    ▼  │
 *    │                  failing ──5 days without success──► disabled ──a daily probe succeeds──► active
 *    └──24 h, 410, DELETE, lease over (from any state)──► gone, for 30 days
 * ```
 */
export type HookStatus = "pending" | "active" | "paused" | "failing" | "disabled" | "gone";

/** What a delivery's body is. */
export type HookFormat = "standard" | "resthooks" | "cloudevents-binary" | "cloudevents-structured" | "raw" | "thin";

/** Which events wait for which: those of one topic for one another, all of the hook, or none. */
export type HookOrdering = "topic" | "hook" | "none";

/** How a target shows that it wants the deliveries. */
export type HookVerify = "none" | "x-hook-secret" | "ce-options";

/** A secret and when it ends; the newest one has no end. */
export interface HookSecret {
  /** `whsec_` and base64 of 24–64 bytes. */
  readonly text: string;
  /** Unix milliseconds. */
  readonly expiresAtMs: number | null;
}

/** A hook as it is stored. Its cursor is kept apart, since that moves with every delivery. */
export interface HookRecord {
  readonly id: string;
  /** `sub` of the token that made it. */
  readonly owner: string;
  /** The front door that it came by. */
  readonly door: string;
  readonly target: string;
  /** Filters. */
  readonly topics: readonly string[];
  /** Empty: of every type. */
  readonly types: readonly string[];
  readonly format: HookFormat;
  readonly ordering: HookOrdering;
  readonly onExhausted: "skip" | "block";
  readonly verify: HookVerify;
  /** The waits before attempt 1, 2, …; `null`: the operator's. */
  readonly scheduleMs: readonly number[] | null;
  /** Newest first. */
  readonly secrets: readonly HookSecret[];
  /** Scheme and host by which the owner reaches the gateway, for the URL of a `thin` delivery. */
  readonly site: string;
  readonly createdAtMs: number;
  /** Until when its lease runs; `null`: it has none. */
  readonly expiresAtMs: number | null;
  readonly status: HookStatus;
  readonly reason: string | null;
  readonly statusAtMs: number;
  /** Unix milliseconds of the last 2xx; `null` before the first. */
  readonly succeededAtMs: number | null;
  /** Attempts that failed since then. */
  readonly failures: number;
  /** Probes sent since it is failing or disabled. */
  readonly probes: number;
  /** To be told with the next delivery. */
  readonly gap: Gap | null;
}

/** Whether deliveries of that status may be sent, beside probes. */
export function isDelivering(status: HookStatus): boolean {
  return status === "active";
}
