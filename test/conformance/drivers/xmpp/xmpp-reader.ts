import { rawElements, rawMember } from "../../../support/raw-json.ts";
import { Inbox } from "../../../support/inbox.ts";
import type { Reader, ReaderOptions } from "../reader-driver.ts";
import type { OpenWire } from "./wire.ts";
import { escapeXml, type Xml } from "./xml.ts";
import { nodeAttribute, pubsub, SERVICE, XmppClient } from "./xmpp-client.ts";

/** Items of one page of history. */
const PAGE = 100;

/**
 * A reader of PubSub nodes. It subscribes, asks for the items that it wants of what was before, and goes by the items'
 * ids: what comes by several nodes, or again, is one event, and of history and live it makes one sequence.
 */
export class XmppReader implements Reader {
  readonly inbox: Inbox = new Inbox();
  readonly #options: ReaderOptions;
  #client: XmppClient | null = null;
  readonly #seen = new Set<string>();
  /** Messages that came while history is being read; `null` from then on. */
  #early: Xml[] | null = [];
  /** Items are taken one after the other, also where one has to be fetched. */
  #taking: Promise<void> = Promise.resolve();

  private constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** @throws {Error} `HttpRefusal`, `XmppRefusal`, or the socket's */
  static async connect(openWire: OpenWire, options: ReaderOptions): Promise<XmppReader> {
    const reader = new XmppReader(options);
    const client = await XmppClient.login(openWire, options, {
      message: (message) => reader.#received(message),
      ended: (how) => reader.inbox.ended({ how, detail: "the stream's end" }),
    });
    reader.#client = client;
    try {
      await reader.#subscribe(client);
      await reader.#readHistory(client);
      return reader;
    } catch (error) {
      await client.wire.close();
      throw error;
    }
  }

  pause(): void {
    this.#client?.wire.pause();
  }

  resume(): void {
    this.#client?.wire.resume();
  }

  cut(): void {
    this.inbox.ended({ how: "left", detail: "cut by the test" });
    this.#client?.wire.cut();
  }

  async close(): Promise<void> {
    this.inbox.ended({ how: "left", detail: "closed by the test" });
    await this.#client?.wire.close().catch(() => undefined);
  }

  get #nodes(): readonly string[] {
    return [...new Set(this.#options.topics)];
  }

  async #subscribe(client: XmppClient): Promise<void> {
    const jid = escapeXml(client.jid);
    const ask = (node: string): Promise<Xml> =>
      client.ask("set", pubsub(`<subscribe ${nodeAttribute(node)} jid="${jid}"/>`), SERVICE);
    await Promise.all(this.#nodes.map(ask));
  }

  async #readHistory(client: XmppClient): Promise<void> {
    const { after, last } = this.#options;
    const items: Xml[] = [];
    if (after !== undefined && after !== "latest") {
      for (const node of this.#nodes) items.push(...(await this.#itemsAfter(client, node, after)));
      if (after !== "earliest") this.inbox.cursor ??= after;
    } else if (last !== undefined && last > 0) {
      for (const node of this.#nodes) items.push(...(await this.#newest(client, node, last)));
    }
    const unique = [...new Map(items.map((item) => [item.attribute("id"), item])).values()];
    const inOrder = unique.toSorted(inLogOrder).slice(last === undefined ? 0 : -last);
    for (const item of inOrder) this.#take(item, item.child("json")?.text);
    for (const message of this.#early ?? []) this.#takeMessage(message);
    this.#early = null;
  }

  async #newest(client: XmppClient, node: string, count: number): Promise<readonly Xml[]> {
    const answer = await client.ask("get", pubsub(`<items ${nodeAttribute(node)} max_items="${count}"/>`), SERVICE);
    return itemsIn(answer);
  }

  /** All behind a cursor, page by page (XEP-0059), as far as to what has come live: the subscription is older. */
  async #itemsAfter(client: XmppClient, node: string, start: string): Promise<readonly Xml[]> {
    const items: Xml[] = [];
    for (let after = start; ;) {
      const set = `<set xmlns="http://jabber.org/protocol/rsm"><max>${PAGE}</max><after>${after}</after></set>`;
      const answer = await client.ask("get", pubsub(`<items ${nodeAttribute(node)}/>`, set), SERVICE);
      const gap = answer.find("gap");
      if (gap !== undefined) this.#gap(gap);
      const page = itemsIn(answer);
      items.push(...page);
      if (page.length === 0 || this.#hasCome(page)) return items;
      after = page.at(-1)?.attribute("id") ?? "";
    }
  }

  #hasCome(page: readonly Xml[]): boolean {
    const live = new Set(this.#early?.flatMap(itemsIn).map((item) => item.attribute("id")));
    return page.some((item) => live.has(item.attribute("id")));
  }

  #received(message: Xml): void {
    if (this.#early === null) this.#takeMessage(message);
    else this.#early.push(message);
  }

  #takeMessage(message: Xml): void {
    const gap = message.child("gap");
    if (gap !== undefined) this.#gap(gap);
    for (const item of itemsIn(message)) this.#take(item, item.child("json")?.text, message.find("url")?.text);
  }

  #gap(gap: Xml): void {
    const named = (name: string): string => gap.attribute(name) ?? "";
    const [after, resumedAt, reason] = [named("after"), named("resumed-at"), named("reason")];
    this.#inTurn(() => {
      this.inbox.gap({ after, resumed_at: resumedAt, reason });
      this.inbox.cursor = resumedAt;
      this.inbox.changed();
    });
  }

  /** An item without its payload, since that would be too large for a stanza, is fetched from where it says. */
  #take(item: Xml, json: string | undefined, link?: string): void {
    const id = item.attribute("id") ?? "";
    if (this.#seen.has(id)) return;
    this.#seen.add(id);
    this.#inTurn(async () => {
      const text = json ?? (await fetchEvent(link ?? ""));
      if (this.inbox.end?.how === "left") return;
      this.inbox.events.push(text);
      this.inbox.cursor = id;
      this.inbox.changed();
    });
  }

  #inTurn(take: () => void | Promise<void>): void {
    this.#taking = this.#taking
      .then(take)
      .catch((error: unknown) => this.inbox.ended({ how: "cut", detail: String(error) }));
  }
}

function itemsIn(stanza: Xml): readonly Xml[] {
  return stanza.find("items")?.children.filter(({ name }) => name === "item") ?? [];
}

/** Item ids grow in the log's order: a number behind the log's own name. */
function inLogOrder(one: Xml, other: Xml): number {
  return positionOf(one) - positionOf(other);
}

function positionOf(item: Xml): number {
  return Number.parseInt(item.attribute("id")?.split("-").at(-1) ?? "", 36);
}

async function fetchEvent(url: string): Promise<string> {
  const page = await (await fetch(url)).text();
  const [event] = rawElements(rawMember(page, "events") ?? "[]");
  if (event === undefined) throw new Error(`No event at ${url}: ${page}`);
  return event;
}
