import type { Bus, Clock, Logger, Meter } from "@sluice/core";
import type { ItemCodecs } from "../pubsub/item-codec.ts";
import type { PubSubService } from "../pubsub/pubsub.ts";
import type { SubscriptionStore } from "../pubsub/subscription-store.ts";
import type { XmppLimits } from "../session/shared.ts";
import type { ComponentLink } from "./component-link.ts";
import type { JidGrants } from "./jid-grants.ts";
import type { WaitingLine } from "../pubsub/waiting-line.ts";

/** What all parts of one component share. */
export interface ComponentShared {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly store: SubscriptionStore;
  readonly codecs: ItemCodecs;
  readonly pubsub: PubSubService;
  readonly grants: JidGrants;
  readonly line: WaitingLine;
  readonly link: ComponentLink;
  readonly limits: () => XmppLimits;
  /** The component's own JID. */
  readonly service: string;
}
