import { createElement, type Element } from "ltx";
import { Allowance } from "../session/allowance.ts";
import { bareOf, parseJid } from "../xml/jid.ts";
import { answerIq, errorOf, StanzaError } from "../xml/stanza.ts";
import type { XmlNode } from "../xml/xml-node.ts";
import { JidClient } from "./jid-client.ts";
import type { ComponentShared } from "./shared.ts";
import type { Subscribers } from "./subscribers.ts";
import { verdictOf } from "./verdict.ts";

/** Requests that wait to be handled; beyond, they are refused. */
const MAX_WAITING = 64;
/** Users whose requests are counted; of more, those seen last. */
const MAX_COUNTED = 10_000;

/** What comes over the link from anybody, and the answers: iqs one after the other, presence and bounces at once. */
export class ComponentService {
  readonly #shared: ComponentShared;
  readonly #subscribers: Subscribers;
  readonly #allowances = new Map<string, Allowance>();
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(shared: ComponentShared, subscribers: Subscribers) {
    this.#shared = shared;
    this.#subscribers = subscribers;
  }

  /** A stanza that is no answer to a question of the link's own. */
  received(stanza: XmlNode): void {
    const from = stanza.attribute("from") ?? "";
    const jid = parseJid(from);
    // What has no sender can't be answered, and what seems to be ours is not to go round.
    if (jid === null || jid.domain === this.#shared.service) return;
    if (stanza.name === "iq") this.#iq(stanza, from);
    else if (stanza.name === "presence") this.#presence(stanza, from);
    else if (stanza.name === "message") this.#message(stanza, from);
  }

  #iq(iq: XmlNode, from: string): void {
    const type = iq.attribute("type");
    if (type === "result" || type === "error") return;
    if (!this.#allowanceOf(bareOf(from)).take()) {
      return this.#refuse(iq, from, new StanzaError("wait", "policy-violation"), "rate-limited");
    }
    if (this.#waiting >= MAX_WAITING) return this.#refuse(iq, from, new StanzaError("wait", "resource-constraint"));
    this.#waiting += 1;
    this.#last = this.#last.then(() => this.#answer(iq, from));
    return undefined;
  }

  /** Does not reject. */
  async #answer(iq: XmlNode, from: string): Promise<void> {
    this.#waiting -= 1;
    const { service, pubsub, grants, logger, meter } = this.#shared;
    const answer = async (): Promise<readonly Element[]> => {
      if (iq.attribute("to")?.toLowerCase() !== service) throw new StanzaError("cancel", "item-not-found");
      return pubsub.answer(iq, new JidClient(from, grants, this.#subscribers));
    };
    try {
      this.#put(await answerIq(iq, from, answer, (code) => meter.refused("xmpp", code)));
    } catch (error) {
      logger.error({ err: error }, "an XMPP stanza could not be handled");
      this.#refuse(iq, from, new StanzaError("wait", "internal-server-error"));
    }
  }

  /** The service is there for all, and tells everybody so who asks; it never asks back. */
  #presence(presence: XmlNode, from: string): void {
    const { service } = this.#shared;
    const reply = (type?: string): void => this.#put(createElement("presence", { type, from: service, to: from }));
    switch (presence.attribute("type")) {
      case undefined:
        return this.#subscribers.arrived(from, true);
      case "unavailable":
      case "error":
        return this.#subscribers.left(from);
      case "subscribe":
        reply("subscribed");
        return reply();
      case "unsubscribe":
        return reply("unsubscribed");
      case "probe":
        return reply();
      default:
        return undefined;
    }
  }

  #message(message: XmlNode, from: string): void {
    const type = message.attribute("type");
    if (type === "error") this.#subscribers.bounced(from, message.attribute("id") ?? "", verdictOf(message));
    // Of the others nobody waits for an answer (RFC 6121 §5.2.2).
    else if (type !== "headline" && type !== "groupchat") {
      this.#refuse(message, from, new StanzaError("cancel", "service-unavailable"));
    }
  }

  #refuse(stanza: XmlNode, from: string, error: StanzaError, code: string = error.condition): void {
    this.#shared.meter.refused("xmpp", code);
    this.#put(errorOf(stanza, error, from));
  }

  #put(stanza: Element): void {
    this.#shared.link.put(stanza);
  }

  #allowanceOf(bare: string): Allowance {
    const { limits, clock } = this.#shared;
    const allowance = this.#allowances.get(bare) ?? new Allowance(() => limits().messagesPerSecond, clock);
    this.#allowances.delete(bare);
    this.#allowances.set(bare, allowance);
    if (this.#allowances.size > MAX_COUNTED) {
      const [oldest] = this.#allowances.keys();
      this.#allowances.delete(oldest ?? "");
    }
    return allowance;
  }
}
