import {
  draftsOf,
  interestIn,
  parseCursor,
  parseFilter,
  type Bus,
  type Clock,
  type Filter,
  type Principal,
  type Start,
  type StoredEvent,
} from "@sluice/core";
import { createElement, type Element } from "ltx";
import { xmlSafe } from "./item-codec.ts";
import { NS } from "../xml/namespaces.ts";
import { StanzaError } from "../xml/stanza.ts";
import type { StoredSubscription } from "./subscription-store.ts";
import type { XmlNode } from "../xml/xml-node.ts";

/** Who asks the service, and what it may do for them. */
export interface PubSubClient {
  readonly principal: Principal;
  /** @throws {SluiceError} what the principal may not do */
  check(action: "read" | "publish", filters: readonly Filter[]): Promise<void>;
  /** Whether the JID is the client's own, bare or with its resource. @throws {StanzaError} `invalid-jid` */
  subscriberOf(jid: string | undefined): string;
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
}

/** Items of one answer, if the client does not say, and at the most. */
const ITEMS = 20;
const MAX_ITEMS = 100;
const ANSWER_BYTES = 192 * 1024;
const FEATURES = ["subscribe", "retrieve-items", "retrieve-subscriptions", "item-ids", "persistent-items", "publish"];

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
    if (type === "get" && query.is("query", NS.discoInfo)) return [await this.#info(query, client)];
    if (type === "get" && query.is("query", NS.discoItems)) return [this.#nodes(iq, query, client)];
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

  /** The nodes that the client was granted by name. Which topics there are the log does not say. */
  #nodes(iq: XmlNode, query: XmlNode, { principal }: PubSubClient): Element {
    const node = query.attribute("node");
    const granted = [...this.#options.publicFilters(), ...principal.grants.read.map(({ text }) => text)];
    const items = node === undefined ? [...new Set(granted)] : [];
    const jid = iq.attribute("to");
    return createElement(
      "query",
      { xmlns: NS.discoItems, node },
      ...items.map((text) => createElement("item", { jid, node: text })),
    );
  }

  async #subscribe(action: XmlNode, client: PubSubClient): Promise<Element> {
    const filter = nodeOf(action);
    const jid = client.subscriberOf(action.attribute("jid"));
    await client.check("read", [filter]);
    client.subscribe(jid, filter);
    return pubsub(createElement("subscription", { node: filter.text, jid, subscription: "subscribed" }));
  }

  #unsubscribe(action: XmlNode, client: PubSubClient): readonly Element[] {
    const { text } = nodeOf(action);
    const jid = client.subscriberOf(action.attribute("jid"));
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
    const ids = action.children.filter(({ name }) => name === "item").map((item) => item.attribute("id") ?? "");
    if (ids.length > 0)
      return pubsub(createElement("items", { node: filter.text }, ...(await this.#byId(filter, ids))));
    const set = query.child("set", NS.rsm);
    const after = set?.child("after")?.text;
    const limit = countOf(action.attribute("max_items") ?? set?.child("max")?.text);
    const isForward = after !== undefined && after !== "";
    const start = isForward ? startAfter(after) : { last: limit };
    const { events, gap } = await this.#options.bus.read(interestIn([filter], []), start, limit);
    const fitting = isForward ? fit(events) : fit(events.toReversed()).toReversed();
    const parts = [createElement("items", { node: filter.text }, ...fitting.map(itemOf))];
    if (gap !== null) {
      const told = { after: gap.after, "resumed-at": gap.resumedAt, reason: gap.reason };
      parts.push(createElement("gap", { xmlns: NS.sluice, ...told }));
    }
    if (set !== undefined) parts.push(rsm(fitting));
    return pubsub(...parts);
  }

  async #byId(filter: Filter, ids: readonly string[]): Promise<readonly Element[]> {
    const interest = interestIn([filter], []);
    const found: StoredEvent[] = [];
    for (const id of ids.slice(0, MAX_ITEMS)) {
      const { epoch, position } = parseCursor(id);
      if (position === 0) continue;
      const before = this.#options.bus.cursorAt(position - 1);
      // One after the other: an answer is small, and its pages are the log's affair.
      // oxlint-disable-next-line no-await-in-loop
      const { events } = await this.#options.bus.read(interest, { cursor: before }, 1);
      const [event] = events;
      if (event !== undefined && event.position === position && event.epoch === epoch) found.push(event);
    }
    return fit(found).map(itemOf);
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

function countOf(text: string | undefined): number {
  if (text === undefined) return ITEMS;
  if (!/^\d{1,6}$/.test(text)) throw new StanzaError("modify", "bad-request");
  return Math.min(Number(text), MAX_ITEMS);
}

/** Behind a cursor, or with the oldest. */
function startAfter(after: string): Start {
  return after === "earliest" ? after : { cursor: after };
}

/** As many as one stanza holds, one at least. */
function fit(events: readonly StoredEvent[]): readonly StoredEvent[] {
  let bytes = 0;
  const end = events.findIndex(({ json }, index) => (bytes += Buffer.byteLength(json)) > ANSWER_BYTES && index > 0);
  return end === -1 ? events : events.slice(0, end);
}

function itemOf({ cursor, json }: StoredEvent): Element {
  return createElement("item", { id: cursor }, createElement("json", { xmlns: NS.json }, xmlSafe(json)));
}

function rsm(events: readonly StoredEvent[]): Element {
  const [first, last] = [events[0], events.at(-1)];
  if (first === undefined || last === undefined) return createElement("set", { xmlns: NS.rsm });
  return createElement(
    "set",
    { xmlns: NS.rsm },
    createElement("first", {}, first.cursor),
    createElement("last", {}, last.cursor),
  );
}

function pubsub(...children: readonly Element[]): Element {
  return createElement("pubsub", { xmlns: NS.pubsub }, ...children);
}

function notImplemented(): StanzaError {
  return new StanzaError("cancel", "feature-not-implemented");
}
