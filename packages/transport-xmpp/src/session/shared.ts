import type { Access, Bus, Clock, HeartbeatWheel, Logger, Meter } from "@sluice/core";
import type { CutStreams } from "./cut-streams.ts";
import type { ItemCodecs } from "../pubsub/item-codec.ts";
import type { Login } from "../login/login.ts";
import type { PubSubService } from "../pubsub/pubsub.ts";
import type { Scratch } from "./scratch.ts";
import type { Sessions } from "./sessions.ts";
import type { SubscriptionStore } from "../pubsub/subscription-store.ts";

/** What clients may take. */
export interface XmppLimits {
  /** Nodes per stream. */
  readonly subscriptions: number;
  readonly eventBytes: number;
  readonly messagesPerSecond: number;
}

/** What all sessions of one transport share. */
export interface Shared {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly access: Access;
  readonly wheel: HeartbeatWheel;
  readonly login: Login;
  readonly store: SubscriptionStore;
  readonly codecs: ItemCodecs;
  readonly scratch: Scratch;
  readonly sessions: Sessions;
  readonly cutStreams: CutStreams;
  readonly pubsub: PubSubService;
  readonly domain: string;
  /** JID of the PubSub service. */
  readonly service: string;
  readonly limits: () => XmppLimits;
  /** A client that nothing was heard of for so long is asked; for twice that, ended. */
  readonly idleMs: number;
  /** How long a stream that was cut can be resumed. */
  readonly hibernateMs: number;
}
