import type { StoredEvent } from "@sluice/core";
import type { HookFlow } from "./hook-flow.ts";
import type { LiveHook } from "../hooks/live-hook.ts";

/** An event that is to be sent, or is under way. */
export interface Job {
  readonly flow: HookFlow;
  readonly lane: string;
  readonly event: StoredEvent;
  /** Requests that were made for it. */
  readonly attempts: number;
  /** Those of them that count in the schedule. */
  readonly step: number;
  /** Whether its lane is held; else it came from the log just now. */
  readonly isHeld: boolean;
}

/** Events in the order of the log that have been read and wait for one another. */
export interface Lane {
  readonly key: string;
  readonly queue: StoredEvent[];
  isBusy: boolean;
  isReady: boolean;
}

/** The key of an event's lane. A topic is never empty and holds no `#`. */
export function laneOf(hook: LiveHook, event: StoredEvent): string {
  const { ordering } = hook.record;
  if (ordering === "topic") return event.topic;
  return ordering === "hook" ? "" : `#${event.position}`;
}

/** Whether a lane is a topic, which reads on from the log when its head is settled. */
export function isTopic(lane: string): boolean {
  return lane !== "" && !lane.startsWith("#");
}
