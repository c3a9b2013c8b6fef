import type { Gap, StoredEvent } from "@sluice/core";
import type { LiveHook } from "../hooks/live-hook.ts";
import type { Payload } from "../hooks/payload.ts";
import type { UnsignedRequest } from "../sending/sender-messages.ts";
import { webhookId } from "../sending/signer.ts";

/** What a delivery's headers depend on. */
export interface DeliveryOptions {
  /** Of the requests for this event, from 1 on. */
  readonly attempt: number;
  readonly nowMs: number;
  readonly gap: Gap | null;
}

/** The request that delivers an event: signed anew for each attempt, with the time of it. */
export function deliveryOf(
  hook: LiveHook,
  event: StoredEvent,
  payload: Payload,
  { attempt, nowMs, gap }: DeliveryOptions,
): UnsignedRequest {
  const headers = ["sluice-cursor", event.cursor, "sluice-attempt", String(attempt)];
  if (event.traceParent !== undefined) headers.push("traceparent", event.traceParent);
  if (gap !== null) headers.push("sluice-gap", gapHeader(gap));
  return requestOf(hook, event, payload, nowMs, headers);
}

/** A signed request to a hook's target. */
export function requestOf(
  hook: LiveHook,
  event: StoredEvent,
  payload: Payload,
  nowMs: number,
  headers: readonly string[] = [],
): UnsignedRequest {
  const { id, target, format } = hook.record;
  return {
    url: target,
    method: "POST",
    payload,
    headers,
    signing: {
      hook: id,
      id: webhookId(event.id, event.topic),
      atMs: nowMs,
      hasHookSignature: format === "resthooks",
    },
  };
}

function gapHeader({ after, resumedAt, reason }: Gap): string {
  return `after="${after}", resumed_at="${resumedAt}", reason="${reason}"`;
}
