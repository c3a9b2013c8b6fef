import type { HttpLimits } from "@sluice/http";

/**
 * What one connection may do. `messageBytes` holds for the connections that come from then on, the others at once.
 */
export type WebSocketLimits = Pick<HttpLimits, "subscriptions" | "messageBytes" | "messagesPerSecond" | "eventBytes">;
