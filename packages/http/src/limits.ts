/** What a listener's clients may take. Read anew for each request, so that a reload changes it. */
export interface HttpLimits {
  /** Connections that stay, in all. */
  readonly connections: number;
  /** Connections that stay, per client address. */
  readonly connectionsPerIp: number;
  /** Topic filters per connection. */
  readonly subscriptions: number;
  /** Data of one event. */
  readonly eventBytes: number;
  /** Body of one publication. */
  readonly publishBodyBytes: number;
  /** One batch to one reader. */
  readonly batchBytes: number;
  /** One message of a client on a connection that stays. */
  readonly messageBytes: number;
  /** Messages of one client per second. */
  readonly messagesPerSecond: number;
}
