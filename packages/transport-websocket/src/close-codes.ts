import type { CloseCode, CloseReason } from "@sluice/core";

/**
 * The close codes that the gateway sends. Those below 4000 are RFC 6455's and IANA's, those above the gateway's own:
 * 4400–4407 ask for something to be put right first, 4408–4499 for the client to come back with its cursor.
 */
export const CLOSE_CODES: Readonly<Record<CloseCode, number>> = {
  draining: 1001,
  "grant-revoked": 1008,
  policy: 1008,
  internal: 1011,
  "app-unavailable": 1013,
  "token-expired": 4401,
  "too-slow": 4408,
};

/** A close frame's reason has room for 123 bytes (RFC 6455 §5.5). */
const MAX_REASON_BYTES = 123;

/** The reason's text as far as a close frame has room for it, cut between characters. */
export function closeText({ detail }: CloseReason): string {
  if (Buffer.byteLength(detail) <= MAX_REASON_BYTES) return detail;
  const { read } = new TextEncoder().encodeInto(detail, new Uint8Array(MAX_REASON_BYTES));
  return detail.slice(0, read);
}
