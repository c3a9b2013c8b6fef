import type { Gap, StoredEvent } from "@sluice/core";
import type { LiveHook } from "../hooks/live-hook.ts";
import type { Payload } from "../hooks/payload.ts";
import type { TargetRequest } from "../sending/sender.ts";
import { webhookId } from "../sending/signer.ts";

const USER_AGENT = "Sluice";

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
  options: DeliveryOptions,
): TargetRequest {
  const headers = [
    ...payload.headers,
    ...signed(hook, webhookId(event.id, event.topic), payload.body, options.nowMs),
    "sluice-cursor",
    event.cursor,
    "sluice-attempt",
    String(options.attempt),
  ];
  if (options.gap !== null) headers.push("sluice-gap", gapHeader(options.gap));
  return { url: hook.url, method: "POST", headers, body: payload.body };
}

/** Standard Webhooks' headers, and `X-Hook-Signature` for receivers of REST Hooks. */
export function signed(hook: LiveHook, id: string, body: Buffer, nowMs: number): readonly string[] {
  const timestamp = Math.floor(nowMs / 1000);
  const headers = [
    "user-agent",
    USER_AGENT,
    "webhook-id",
    id,
    "webhook-timestamp",
    String(timestamp),
    "webhook-signature",
    hook.signer.standard(id, timestamp, body, nowMs),
  ];
  if (hook.record.format === "resthooks") headers.push("x-hook-signature", hook.signer.hook(body));
  return headers;
}

function gapHeader({ after, resumedAt, reason }: Gap): string {
  return `after="${after}", resumed_at="${resumedAt}", reason="${reason}"`;
}
