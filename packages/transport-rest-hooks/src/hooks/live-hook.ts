import type { KeptEvent } from "../store/store-messages.ts";
import { StoredEvent } from "@sluice/core";
import { Breaker } from "../engine/breaker.ts";
import type { HookFlow } from "../engine/hook-flow.ts";
import type { HookRecord } from "./hook.ts";
import type { Origin } from "../engine/origin.ts";
import { originOf } from "../sending/target-guard.ts";

/** Attempts kept of each hook. */
export const KEPT_ATTEMPTS = 100;

/** A hook in memory: its record, and what lives as long as the process. */
export class LiveHook {
  record: HookRecord;
  readonly breaker: Breaker = new Breaker();
  /** Number of the latest attempt. */
  attempts: number;
  /** Set by the engine. */
  flow: HookFlow | null = null;
  origin: Origin | null = null;
  /** Steady milliseconds of the next probe or handshake; `null`: none. */
  nextProbeAtMs: number | null = null;
  isProbing = false;
  /** Handshakes for which the target could not be reached. */
  handshakes = 0;
  /** 429 in a row. */
  throttles = 0;

  constructor(record: HookRecord, attempts: number) {
    this.record = record;
    this.attempts = attempts;
  }

  get id(): string {
    return this.record.id;
  }

  get originKey(): string {
    return originOf(new URL(this.record.target));
  }
}

/** A copy of an event for the store. */
export function keep(event: StoredEvent): KeptEvent {
  const { epoch, position, id, topic, type, time, data, dataContentType, traceParent } = event;
  const kept = { epoch, position, id, topic, type, time, data, dataContentType };
  return traceParent === undefined ? kept : { ...kept, traceParent };
}

/** The event that a copy was made of. */
export function restore(kept: KeptEvent): StoredEvent {
  return new StoredEvent(kept);
}
