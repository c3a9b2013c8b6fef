import { interestIn, parseCursor, type Bus, type Filter, type Gap, type StoredEvent } from "@sluice/core";
import { createElement, escapeXMLText, type Element } from "ltx";
import { MAX_STANZA_BYTES, xmlSafe } from "./item-codec.ts";
import { NS } from "../xml/namespaces.ts";
import { StanzaError } from "../xml/stanza.ts";
import type { XmlNode } from "../xml/xml-node.ts";

/** Items of one answer, if the client does not say, and at the most. */
const ITEMS = 20;
const MAX_ITEMS = 100;
/** What the items of one answer may take; the rest is for what is around them. */
const ANSWER_BYTES = MAX_STANZA_BYTES - 4096;

/** Where items come from. */
export interface ItemSource {
  readonly bus: Bus;
  /** URL of an event that is too large for a stanza. */
  readonly linkTo: (event: StoredEvent) => string;
}

interface Found {
  readonly events: readonly StoredEvent[];
  readonly gap: Gap | null;
  /** Whether the newest are wanted: of too many the oldest are left out. */
  readonly isNewest: boolean;
}

/**
 * The items that a client asks for (XEP-0060 §6.5): by their ids, the newest, or a page by RSM (XEP-0059).
 * @param pubsub in which a `<set/>` may be, beside `items`
 */
export async function retrieve(source: ItemSource, filter: Filter, pubsub: XmlNode, items: XmlNode): Promise<Element> {
  const ids = items.children.filter(({ name }) => name === "item").map((item) => item.attribute("id") ?? "");
  const set = pubsub.child("set", NS.rsm);
  const { events, gap, isNewest } = await (ids.length > 0
    ? byId(source.bus, filter, ids)
    : page(source.bus, filter, set, items.attribute("max_items")));
  const all = events.map((event) => ({ event, element: itemElement(source, event) }));
  const shown = isNewest ? fit(all.toReversed()).toReversed() : fit(all);
  const parts = [createElement("items", { node: filter.text }, ...shown.map(({ element }) => element))];
  if (gap !== null) {
    const told = { after: gap.after, "resumed-at": gap.resumedAt, reason: gap.reason };
    parts.push(createElement("gap", { xmlns: NS.sluice, ...told }));
  }
  if (set !== undefined) parts.push(rsm(shown.map(({ event }) => event)));
  return createElement("pubsub", { xmlns: NS.pubsub }, ...parts);
}

async function byId(bus: Bus, filter: Filter, ids: readonly string[]): Promise<Found> {
  const interest = interestIn([filter], []);
  const events: StoredEvent[] = [];
  for (const id of ids.slice(0, MAX_ITEMS)) {
    const { epoch, position } = parseCursor(id);
    if (position === 0) continue;
    // One after the other: an answer is small, and its pages are the log's affair.
    const found = await bus.read(interest, { cursor: bus.cursorAt(position - 1) }, 1);
    const [event] = found.events;
    if (event !== undefined && event.position === position && event.epoch === epoch) events.push(event);
  }
  return { events, gap: null, isNewest: false };
}

async function page(bus: Bus, filter: Filter, set: XmlNode | undefined, maxItems: string | undefined): Promise<Found> {
  const interest = interestIn([filter], []);
  const limit = Math.min(
    countOf(maxItems),
    countOf(set?.child("max")?.text, maxItems === undefined ? ITEMS : MAX_ITEMS),
  );
  const after = set?.child("after")?.text ?? "";
  const before = set?.child("before")?.text ?? "";
  if (limit === 0) return { events: [], gap: null, isNewest: false };
  if (after !== "") {
    // The log's beginning has no cursor of its own.
    const start = after === "earliest" ? after : { cursor: after };
    return { ...(await bus.read(interest, start, limit)), isNewest: false };
  }
  const upTo = before === "" ? bus.head : bus.resolve({ cursor: before }).after - 1;
  const { events } = await bus.lastPage(interest, limit, upTo);
  return { events, gap: null, isNewest: true };
}

function countOf(text: string | undefined, otherwise: number = MAX_ITEMS): number {
  if (text === undefined) return otherwise;
  if (!/^\d+$/.test(text)) throw new StanzaError("modify", "bad-request");
  return Math.min(Number(text), MAX_ITEMS);
}

interface Shown {
  readonly event: StoredEvent;
  readonly element: Element;
}

/** As many as one stanza holds. */
function fit(all: readonly Shown[]): readonly Shown[] {
  let bytes = 0;
  const end = all.findIndex(({ element }) => (bytes += Buffer.byteLength(element.toString())) > ANSWER_BYTES);
  return end === -1 ? all : all.slice(0, end);
}

/** An event as an item; one that no stanza holds is a link. */
function itemElement({ linkTo }: ItemSource, event: StoredEvent): Element {
  const { cursor } = event;
  const json = xmlSafe(event.json);
  if (Buffer.byteLength(escapeXMLText(json)) + 256 <= ANSWER_BYTES) {
    return createElement("item", { id: cursor }, createElement("json", { xmlns: NS.json }, json));
  }
  const link = createElement("x", { xmlns: NS.oob }, createElement("url", {}, linkTo(event)));
  return createElement("item", { id: cursor }, link);
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
