import {
  draftsOf,
  interestIn,
  parseFilter,
  type Bus,
  type Clock,
  type Filter,
  type Principal,
  type StoredEvent,
} from "@sluice/core";
import { createElement, type Element } from "ltx";
import { retrieve } from "./retrieval.ts";
import { isSameJid } from "../xml/jid.ts";
import { NS } from "../xml/namespaces.ts";
import { StanzaError } from "../xml/stanza.ts";
import type { StoredSubscription } from "./subscription-store.ts";
import type { XmlNode } from "../xml/xml-node.ts";

/** Who asks the service, and what it may do for them. */
export interface PubSubClient {
  readonly principal: Principal;
  /** Its JID, without and with its resource. */
  readonly name: { readonly bare: string; readonly jid: string };
  /** @throws {SluiceError} what the principal may not do */
  check(action: "read" | "publish", filters: readonly Filter[]): Promise<void>;
  subscribe(jid: string, filter: Filter): void;
  /** Whether there was such a subscription. */
  unsubscribe(jid: string, node: string): boolean;
  readonly subscriptions: readonly StoredSubscription[];
}

/** Options of {@link PubSubService}. */
export interface PubSubOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly eventBytes: () => number;
  /** Filters that everybody may read. */
  readonly publicFilters: () => readonly string[];
  /** URL of an event that is too large for a stanza. */
  readonly linkTo: (event: StoredEvent) => string;
}

const FEATURES = [
  "subscribe",
  "retrieve-items",
  "retrieve-subscriptions",
  "item-ids",
  "persistent-items",
  "rsm",
  "publish",
];
/** Events that topics are named by. */
const NEWEST = 100;

/** PubSub (XEP-0060) over the log: nodes are topics and filters, items are events, item ids are cursors. */
export class PubSubService {
  readonly #options: PubSubOptions;

  constructor(options: PubSubOptions) {
    this.#options = options;
  }

  /**
   * Answers an iq to the service with what belongs into the result.
   * @throws {StanzaError} and {SluiceError}: what the client is to be told
   */
  async answer(iq: XmlNode, client: PubSubClient): Promise<readonly Element[]> {
    const type = iq.attribute("type");
    const [query] = iq.children;
    if (query === undefined) throw new StanzaError("modify", "bad-request");
    if (type === "get" && query.is("ping", NS.ping)) return [];
    if (type === "get" && query.is("query", NS.discoInfo)) return [await this.#info(query, client)];
    if (type === "get" && query.is("query", NS.discoItems)) return [await this.#nodes(iq, query, client)];
    const action = query.ns === NS.pubsub ? query.children.find(({ ns }) => ns === NS.pubsub) : undefined;
    if (query.name !== "pubsub" || action === undefined) throw notImplemented();
    switch (`${type} ${action.name}`) {
      case "set subscribe":
        return [await this.#subscribe(action, client)];
      case "set unsubscribe":
        return this.#unsubscribe(action, client);
      case "get subscriptions":
        return [this.#subscriptions(action, client)];
      case "get items":
        return [await this.#items(query, action, client)];
      case "set publish":
        return [await this.#publish(action, client)];
      default:
        throw notImplemented();
    }
  }

  async #info(query: XmlNode, client: PubSubClient): Promise<Element> {
    const node = query.attribute("node");
    if (node !== undefined) await client.check("read", [parseFilter(node)]);
    const identity = { category: "pubsub", type: node === undefined ? "service" : "leaf", name: "Sluice" };
    const features = [NS.discoInfo, NS.discoItems, NS.ping, NS.rsm, NS.json, NS.pubsub];
    const all = [...features, ...FEATURES.map((name) => `${NS.pubsub}#${name}`)];
    const vars = all.map((name) => createElement("feature", { var: name }));
    return createElement("query", { xmlns: NS.discoInfo, node }, createElement("identity", identity), ...vars);
  }

  /**
   * The nodes that the client was granted by name, and the topics of the newest events among them: the log does not know
   * which topics there are, and each may be subscribed before its first event.
   */
  async #nodes(iq: XmlNode, query: XmlNode, client: PubSubClient): Promise<Element> {
    const node = query.attribute("node");
    // A node has no nodes below it, which is for those to know who may read it.
    if (node !== undefined) {
      await client.check("read", [parseFilter(node)]);
      return createElement("query", { xmlns: NS.discoItems, node });
    }
    const granted = [...this.#options.publicFilters().map(parseFilter), ...client.principal.grants.read];
    const nodes = new Set(granted.map(({ text }) => text));
    if (granted.length > 0) {
      const { bus } = this.#options;
      const { events } = await bus.lastPage(interestIn(granted, []), NEWEST, bus.head);
      for (const { topic } of events.toReversed()) nodes.add(topic);
    }
    const jid = iq.attribute("to");
    const items = [...nodes].map((text) => createElement("item", { jid, node: text }));
    return createElement("query", { xmlns: NS.discoItems }, ...items);
  }

  async #subscribe(action: XmlNode, client: PubSubClient): Promise<Element> {
    const filter = nodeOf(action);
    const jid = subscriberOf(action, client);
    await client.check("read", [filter]);
    client.subscribe(jid, filter);
    return pubsub(createElement("subscription", { node: filter.text, jid, subscription: "subscribed" }));
  }

  #unsubscribe(action: XmlNode, client: PubSubClient): readonly Element[] {
    const { text } = nodeOf(action);
    const jid = subscriberOf(action, client);
    if (!client.unsubscribe(jid, text)) throw new StanzaError("cancel", "unexpected-request", "not-subscribed");
    return [];
  }

  #subscriptions(action: XmlNode, { subscriptions }: PubSubClient): Element {
    const only = action.attribute("node");
    const shown = subscriptions
      .filter(({ node }) => only === undefined || node === only)
      .map(({ node, jid }) => createElement("subscription", { node, jid, subscription: "subscribed" }));
    return pubsub(createElement("subscriptions", { node: only }, ...shown));
  }

  async #items(query: XmlNode, action: XmlNode, client: PubSubClient): Promise<Element> {
    const filter = nodeOf(action);
    await client.check("read", [filter]);
    return retrieve(this.#options, filter, query, action);
  }

  async #publish(action: XmlNode, client: PubSubClient): Promise<Element> {
    const { text: topic } = nodeOf(action);
    const items = action.children.filter(({ name }) => name === "item");
    if (items.length === 0) throw new StanzaError("modify", "bad-request", "item-required");
    const inputs = items.map((item) => inputOf(topic, item));
    const { bus, clock, eventBytes } = this.#options;
    const drafts = draftsOf(
      inputs.map(({ text }) => text),
      inputs.map(({ parsed }) => parsed),
      { eventBytes: eventBytes(), clock },
    );
    await client.check("publish", [parseFilter(topic)]);
    const appended = await bus.publish(drafts);
    const told = appended.map(({ position }) => createElement("item", { id: bus.cursorAt(position) }));
    return pubsub(createElement("publish", { node: topic }, ...told));
  }
}

/** An event as a publication has it: the node is the topic, the item's id the event's, the JSON its data. */
function inputOf(topic: string, item: XmlNode): { readonly text: string; readonly parsed: unknown } {
  const json = item.child("json", NS.json);
  if (json === undefined) throw new StanzaError("modify", "bad-request", "invalid-payload", "An item needs a json.");
  if (json.children.length > 0) {
    throw new StanzaError("modify", "bad-request", "invalid-payload", "There is an element within the json.");
  }
  const id = item.attribute("id");
  const named = id === undefined ? "" : `"id":${JSON.stringify(id)},`;
  try {
    // Read by itself first, so that it can't reach out of its place.
    JSON.parse(json.text);
    const text = `{"topic":${JSON.stringify(topic)},${named}"data":${json.text}}`;
    return { text, parsed: JSON.parse(text) };
  } catch {
    throw new StanzaError("modify", "bad-request", "invalid-payload", "The json is not JSON.");
  }
}

function nodeOf(action: XmlNode): Filter {
  const node = action.attribute("node");
  if (node === undefined) throw new StanzaError("modify", "bad-request", "nodeid-required");
  return parseFilter(node);
}

/** Nobody subscribes for another: the JID must be the client's own, bare or with its resource. */
function subscriberOf(action: XmlNode, { name: { bare, jid } }: PubSubClient): string {
  const asked = action.attribute("jid") ?? "";
  const own = [bare, jid].find((one) => isSameJid(asked, one));
  if (own !== undefined) return own;
  throw new StanzaError("modify", "bad-request", "invalid-jid", "Only one's own JID can be subscribed.");
}

function pubsub(...children: readonly Element[]): Element {
  return createElement("pubsub", { xmlns: NS.pubsub }, ...children);
}

function notImplemented(): StanzaError {
  return new StanzaError("cancel", "feature-not-implemented");
}
