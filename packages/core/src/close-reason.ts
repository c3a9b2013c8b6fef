/** Why the gateway ends a reader's connection. */
export type CloseCode =
  | "draining"
  | "token-expired"
  | "grant-revoked"
  | "too-slow"
  | "policy"
  | "app-unavailable"
  | "internal";

/** A close reason, and whether and when the client should come back. */
export interface CloseReason {
  readonly code: CloseCode;
  /** One line, fit for the client's eyes. */
  readonly detail: string;
  /** Whether the same client may come back with its cursor as it is. */
  readonly mayReconnect: boolean;
  /** Milliseconds that the client is asked to wait before it comes back. */
  readonly reconnectAfterMs?: number;
}

/** The close reasons that need no more than their name. */
export const CLOSE_REASONS: Readonly<Record<CloseCode, CloseReason>> = {
  draining: { code: "draining", detail: "The gateway is stopping: come back with your cursor.", mayReconnect: true },
  "token-expired": {
    code: "token-expired",
    detail: "The token has expired: come back with a new one.",
    mayReconnect: false,
  },
  "grant-revoked": { code: "grant-revoked", detail: "A grant was taken back.", mayReconnect: false },
  "too-slow": {
    code: "too-slow",
    detail: "Too slow to keep within retention: come back with your cursor.",
    mayReconnect: true,
  },
  policy: { code: "policy", detail: "The connection broke a rule.", mayReconnect: false },
  "app-unavailable": { code: "app-unavailable", detail: "The app that grants access is down.", mayReconnect: true },
  internal: { code: "internal", detail: "A fault in the gateway: come back with your cursor.", mayReconnect: true },
};
