import { SluiceError, type Filter, type Principal } from "@sluice/core";
import type { PubSubClient } from "../pubsub/pubsub.ts";
import type { StoredSubscription } from "../pubsub/subscription-store.ts";
import { bareOf, isSameJid } from "../xml/jid.ts";
import { StanzaError } from "../xml/stanza.ts";
import type { JidGrants } from "./jid-grants.ts";
import type { Subscribers } from "./subscribers.ts";

/** Somebody who asks over the component link, as far as the user's server says who that is. */
export class JidClient implements PubSubClient {
  readonly principal: Principal;
  readonly #jid: string;
  readonly #bare: string;
  readonly #grants: JidGrants;
  readonly #subscribers: Subscribers;

  constructor(jid: string, grants: JidGrants, subscribers: Subscribers) {
    this.#jid = jid;
    this.#bare = bareOf(jid);
    this.#grants = grants;
    this.#subscribers = subscribers;
    this.principal = grants.principalOf(this.#bare);
  }

  get subscriptions(): readonly StoredSubscription[] {
    return this.#subscribers.subscriptionsOf(this.#jid);
  }

  check(action: "read" | "publish", filters: readonly Filter[]): Promise<void> {
    const isAllowed = filters.every((filter) => this.#grants.allows(this.#bare, action, filter));
    const refusal = new SluiceError("forbidden", "That is not granted to this address.");
    return isAllowed ? Promise.resolve() : Promise.reject(refusal);
  }

  subscriberOf(jid: string | undefined): string {
    if (jid !== undefined && isSameJid(jid, this.#bare)) return this.#bare;
    if (jid !== undefined && isSameJid(jid, this.#jid)) return this.#jid;
    throw new StanzaError("modify", "bad-request", "invalid-jid", "Only one's own JID can be subscribed.");
  }

  subscribe(jid: string, filter: Filter): void {
    this.#subscribers.subscribe(jid, filter, this.#jid);
  }

  unsubscribe(jid: string, node: string): boolean {
    return this.#subscribers.unsubscribe(jid, node);
  }
}
