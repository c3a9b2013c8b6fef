import { parseCursor, type CloseReason } from "@sluice/core";
import { createElement, escapeXML, type Element } from "ltx";
import type { Channel } from "./channel.ts";
import { nodesAt, type CutStream } from "./cut-stream.ts";
import { framed, framedItems } from "./framing.ts";
import { answerHost } from "./host-queries.ts";
import { Inquiry } from "./inquiry.ts";
import { Ledger, type Acknowledged } from "./ledger.ts";
import type { Identity } from "../login/login.ts";
import type { ReaderHost } from "./node-reader.ts";
import type { Shared } from "./shared.ts";
import { numberOf, REQUEST, StreamManagement } from "./stream-management.ts";
import { WaitingLine } from "../pubsub/waiting-line.ts";
import { Subscriber, type ResourceName } from "./subscriber.ts";
import { isSameJid } from "../xml/jid.ts";
import { NS } from "../xml/namespaces.ts";
import { answerIq, errorOf, StanzaError } from "../xml/stanza.ts";
import type { XmlNode } from "../xml/xml-node.ts";

/** Places that are kept of a stream that was cut, the newest: a client that is further behind gets some items again. */
const MAX_KEPT = 512;

/** What a resource needs of the stream that it is bound on. */
export interface Carrier {
  readonly shared: Shared;
  readonly channel: Channel;
  readonly identity: Identity;
  /** Ends the stream. */
  readonly close: (reason: CloseReason) => void;
}

/**
 * A bound resource: it answers the client's stanzas, sends it events, and knows how far the client has got. It ends with
 * its stream; what is left then, {@link Resource.cut}, is enough for another to go on.
 */
export class Resource implements ReaderHost {
  readonly name: ResourceName;
  readonly ledger: Ledger;
  readonly management: StreamManagement;
  readonly subscriber: Subscriber;
  readonly messageHead: Buffer;
  /** One after the other, so that a client that reads slowly has one page of the log in the making and not one per node. */
  readonly line: WaitingLine = new WaitingLine(1, () => this.hasRoom);
  readonly #carrier: Carrier;
  readonly #inquiry: Inquiry;
  #isClosed = false;
  /** The channel has said so, and not yet that it has drained. */
  #isFull = false;

  constructor(carrier: Carrier, name: ResourceName, sent: number = 0) {
    this.#carrier = carrier;
    this.name = name;
    this.ledger = new Ledger(sent);
    this.management = new StreamManagement(this.ledger);
    this.subscriber = new Subscriber(carrier.shared, name, carrier.identity, this);
    this.messageHead = Buffer.from(`<message${carrier.channel.declaration} to="${escapeXML(name.jid)}"`);
    this.#inquiry = new Inquiry(this.ledger);
  }

  /**
   * The resource of a stream that was cut, for its client, who has `h` stanzas of it; `null` if that can't be.
   * Nothing is sent yet: see {@link goOn}.
   */
  static resumed(carrier: Carrier, cut: CutStream, h: number): Resource | null {
    const number = numberOf(h, cut.base, cut.acknowledged);
    if (number < cut.acknowledged || number > cut.sent) return null;
    const resource = new Resource(carrier, cut, number);
    resource.management.resume(cut.id, cut.base, cut.received);
    return resource;
  }

  // What readers see.

  get hasRoom(): boolean {
    return !this.#isFull && !this.#carrier.channel.isBacklogged;
  }

  deliver(items: Buffer, isLate: boolean): boolean {
    const { channel, shared } = this.#carrier;
    const stanzas = framedItems(shared.scratch, channel.framing, this.messageHead, items, isLate);
    const isReady = this.#push(stanzas);
    if (!channel.isHolding) shared.scratch.giveBack(stanzas);
    return isReady;
  }

  tell(stanza: Buffer): boolean {
    return this.#push(framed(this.#carrier.channel.framing, stanza));
  }

  close(reason: CloseReason): void {
    this.#carrier.close(reason);
  }

  // What the stream tells.

  /** Takes a stanza of the client. @throws what is no fault of the client's */
  async take(stanza: XmlNode): Promise<void> {
    this.management.received += 1;
    if (stanza.name === "iq") return this.#iq(stanza);
    if (stanza.name === "presence") return this.#presence(stanza);
    if (stanza.attribute("type") === "error") return undefined;
    return this.send(errorOf(stanza, new StanzaError("cancel", "service-unavailable"), this.name.jid));
  }

  /** Sends a stanza. If the stream can be resumed, it is kept until the client has it. */
  send(stanza: Element): void {
    this.#sendText(stanza.toString());
  }

  /** There is room again. */
  drained(): void {
    this.#isFull = false;
    this.line.move();
  }

  /** Stream management begins, and counts anew. */
  enable(isResumable: boolean): void {
    this.management.enable(isResumable);
    this.#inquiry.reset();
  }

  /** The client says to have `h` stanzas. */
  acknowledged(h: number): void {
    this.#inquiry.answered(this.management.numberOf(h));
  }

  /**
   * Asks the client how far it has got, if something is owed: along with the next item, or by the next time alone.
   * @param isAnyway at once, to find out whether it is there
   */
  ask(isAnyway: boolean): void {
    const isAlone = this.#inquiry.tick() || isAnyway;
    if (!this.#isClosed && isAlone) this.#carrier.channel.write(this.#question());
  }

  /** Goes on where a stream was cut: what its client has not got comes again. */
  async goOn(cut: CutStream): Promise<void> {
    for (const [number, text] of cut.texts) if (number > this.ledger.acknowledged) this.#sendText(text);
    await this.subscriber.resume(nodesAt(cut, this.ledger.acknowledged), cut.isAvailable);
  }

  /** What has to be known to resume the stream; `null` if its client did not ask for that. */
  cut(): CutStream | null {
    const { resumption, base, received } = this.management;
    if (resumption === null) return null;
    const { readers, isAvailable } = this.subscriber;
    const { epoch } = parseCursor(this.#carrier.shared.bus.cursor);
    const index = new Map<Acknowledged, number>(readers.map((reader, at) => [reader, at]));
    const owed = this.ledger.owed.flatMap(({ number, reader, position }) => {
      const at = index.get(reader);
      return at === undefined ? [] : [[number, at, position] as const];
    });
    const { bare, jid, isAnonymous, isPassing } = this.name;
    const { sent, acknowledged, texts } = this.ledger;
    return {
      id: resumption,
      bare,
      jid,
      isAnonymous,
      isPassing,
      isAvailable,
      base,
      sent,
      acknowledged,
      received,
      nodes: readers.map(({ stored: { jid: subscriber, node, isLasting }, cursor }) => {
        return { jid: subscriber, node, isLasting, cursor };
      }),
      epoch,
      owed: owed.slice(-MAX_KEPT),
      texts: [...texts],
    };
  }

  /** The stream is gone. */
  stop(): void {
    this.#isClosed = true;
    this.subscriber.close();
  }

  /** Sends what readers have, with a question behind it if so much is out that it can't wait. */
  #push(stanzas: Buffer): boolean {
    if (this.#isClosed) return false;
    const { channel } = this.#carrier;
    const isAsking = !channel.isConfirming && this.#inquiry.isPressing;
    const isReady = channel.write(isAsking ? Buffer.concat([stanzas, this.#question()]) : stanzas);
    this.#isFull ||= !isReady;
    return isReady;
  }

  async #iq(iq: XmlNode): Promise<void> {
    const type = iq.attribute("type");
    if (type === "result" || type === "error") return this.#answered(iq.attribute("id") ?? "");
    const refused = (code: string): void => this.#carrier.shared.meter.refused("xmpp", code);
    return this.send(await answerIq(iq, this.name.jid, () => this.#answer(iq), refused));
  }

  async #answer(iq: XmlNode): Promise<readonly Element[]> {
    const { service, domain, pubsub } = this.#carrier.shared;
    const to = iq.attribute("to");
    if (to?.toLowerCase() === service) return pubsub.answer(iq, this.subscriber);
    const isHost = to === undefined || to.toLowerCase() === domain;
    if (isHost || isSameJid(to, this.name.bare) || isSameJid(to, this.name.jid)) return answerHost(iq, service);
    throw new StanzaError("cancel", "service-unavailable");
  }

  async #presence(presence: XmlNode): Promise<void> {
    if (presence.attribute("to") !== undefined) return;
    const type = presence.attribute("type");
    if (type === "unavailable") this.subscriber.disappear();
    if (type !== undefined) return;
    this.send(createElement("presence", { from: this.name.jid, to: this.name.jid }));
    await this.subscriber.appear();
  }

  /** `<r/>`; where there is no stream management, a ping. */
  #question(): Buffer {
    if (this.management.isOn) {
      this.#inquiry.asked();
      return framed(this.#carrier.channel.framing, REQUEST);
    }
    this.ledger.addPassing();
    this.#inquiry.asked();
    const { domain } = this.#carrier.shared;
    const ping = { type: "get", id: `ack-${this.ledger.sent}`, from: domain, to: this.name.jid };
    return this.#framed(createElement("iq", ping, createElement("ping", { xmlns: NS.ping })).toString());
  }

  /** An answer to a ping is as good as an acknowledgement of all up to it, whatever it says. */
  #answered(id: string): void {
    const match = /^ack-(\d{1,15})$/.exec(id);
    if (match !== null && !this.management.isOn) this.#inquiry.answered(Number(match[1]));
  }

  /** What `write` answers is the inbox's business: it handles nothing more until there is room. */
  #sendText(text: string): void {
    if (this.#isClosed) return this.#sendLate(text);
    if (this.management.resumption === null) this.ledger.addPassing();
    else this.ledger.addText(text);
    this.#carrier.channel.write(this.#framed(text));
    return undefined;
  }

  /** What was asked on this stream and could be answered only now goes to whoever goes on with it. */
  #sendLate(text: string): void {
    const { sessions, cutStreams } = this.#carrier.shared;
    const { resumption } = this.management;
    if (resumption === null) return;
    const next = sessions.withResumption(resumption)?.resource ?? null;
    if (next === null) cutStreams.append(resumption, text);
    else next.#sendText(text);
  }

  #framed(text: string): Buffer {
    const { declaration, framing } = this.#carrier.channel;
    return framed(framing, Buffer.from(text.replace(/^<(?:iq|message|presence)(?=[\s/>])/, `$&${declaration}`)));
  }
}
