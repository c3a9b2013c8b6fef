/** What one connection may do. Asked for anew each time it matters, so that a reload reaches live connections too. */
export interface WebSocketLimits {
  /** Topics and filters of one connection (`limits.subscriptions`). */
  readonly subscriptions: number;
  /** Bytes of one message of a client; for the connections that come from now on (`limits.message`). */
  readonly messageBytes: number;
  /** Messages of a client in one second (`limits.messages_per_second`). */
  readonly messagesPerSecond: number;
  /** Bytes of one published event's data (`limits.event`). */
  readonly eventBytes: number;
}
