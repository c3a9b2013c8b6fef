import type { Bus, Clock, Logger, Meter } from "@sluice/core";
import type { Element } from "ltx";
import type { ItemCodecs } from "../pubsub/item-codec.ts";
import type { PubSubService } from "../pubsub/pubsub.ts";
import type { SubscriptionStore } from "../pubsub/subscription-store.ts";
import type { XmppLimits } from "../session/shared.ts";
import type { XmlNode } from "../xml/xml-node.ts";
import type { JidGrants } from "./jid-grants.ts";
import type { WaitingLine } from "../pubsub/waiting-line.ts";

/** The way to the user's server. While the link is down there is no room, and what is sent is lost. */
export interface Outlet {
  /** Whether more items may be sent now. */
  readonly hasRoom: boolean;
  /** Whether more may be sent when so much has been. */
  hasRoomAfter(stanzas: number, bytes: number): boolean;
  /** Whom to ask how far the link itself has got. */
  readonly serverJid: string;
  /** Sends items. */
  send(stanzas: readonly Buffer[]): void;
  /** Sends another stanza. */
  put(stanza: Element): void;
  /** Pings somebody; any answer is told, and the question can be withdrawn. */
  ask(to: string, heard: (answer: XmlNode) => void): () => void;
}

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
  readonly outlet: Outlet;
  readonly limits: () => XmppLimits;
  /** The component's own JID. */
  readonly service: string;
}
