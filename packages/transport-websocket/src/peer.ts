import type {
  Access,
  Bus,
  Clock,
  CloseReason,
  HeartbeatWheel,
  Logger,
  Meter,
  Principal,
  Subscription,
} from "@sluice/core";
import type { Connection } from "./connection.ts";
import type { WebSocketLimits } from "./limits.ts";

/** What all connections of one transport share. */
export interface Shared {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly wheel: HeartbeatWheel;
  readonly heartbeatMs: number;
  /** The limits of now. */
  readonly limits: () => WebSocketLimits;
  /** A ping and the heartbeat of this cursor in one buffer; made once as long as the cursor stays. */
  heartbeat(cursor: string): Buffer;
  /** The connection is gone. */
  forget(connection: Connection): void;
}

/** A connection, as the messages of its client see it. */
export interface Peer {
  readonly shared: Shared;
  readonly access: Access;
  readonly principal: Principal;
  readonly subscription: Subscription<Buffer>;
  /** Whether the client can still be written to. */
  readonly isOpen: boolean;
  /** Whether it was the gateway that ended the connection: then nothing more is done for the client. */
  readonly isDismissed: boolean;
  /** Whether more has been written than the client has taken: its messages then have to wait. */
  readonly isBacklogged: boolean;
  /** Sends a message of the gateway. Answers like `Sink.write`. */
  send(text: string): boolean;
  /** Tells the client of a fault, and counts it. `ref` is the member to repeat. */
  refuse(error: unknown, ref: string): void;
  /** From now on the connection is this principal's. */
  authorize(principal: Principal): void;
  close(reason: CloseReason): void;
  /** Stops or goes on reading from the client, whichever is due. */
  regulate(): void;
}
