import { SluiceError, type Filter, type Principal } from "@sluice/core";
import type { PubSubClient } from "../pubsub/pubsub.ts";
import type { StoredSubscription } from "../pubsub/subscription-store.ts";
import { bareOf } from "../xml/jid.ts";
import type { JidGrants } from "./jid-grants.ts";
import type { Subscribers } from "./subscribers.ts";

/** Somebody who asks over the component link, as far as the user's server says who that is. */
export class JidClient implements PubSubClient {
  readonly principal: Principal;
  readonly name: { readonly bare: string; readonly jid: string };
  readonly #grants: JidGrants;
  readonly #subscribers: Subscribers;

  constructor(jid: string, grants: JidGrants, subscribers: Subscribers) {
    this.name = { bare: bareOf(jid), jid };
    this.#grants = grants;
    this.#subscribers = subscribers;
    this.principal = grants.principalOf(this.name.bare);
  }

  get subscriptions(): readonly StoredSubscription[] {
    return this.#subscribers.subscriptionsOf(this.name.jid);
  }

  check(action: "read" | "publish", filters: readonly Filter[]): Promise<void> {
    const isAllowed = filters.every((filter) => this.#grants.allows(this.name.bare, action, filter));
    const refusal = new SluiceError("forbidden", "That is not granted to this address.");
    return isAllowed ? Promise.resolve() : Promise.reject(refusal);
  }

  subscribe(jid: string, filter: Filter): void {
    this.#subscribers.subscribe(jid, filter, this.name.jid);
  }

  unsubscribe(jid: string, node: string): boolean {
    return this.#subscribers.unsubscribe(jid, node);
  }
}
