import { topicName } from "../load/schedule.ts";
import { take, type ClientHost } from "./client.ts";

const SM = "urn:xmpp:sm:3";
const MESSAGE_END = Buffer.from("</message>");
const INQUIRY = Buffer.from("<r ");
const GREATER = 0x3e;

type State = "features" | "success" | "restarted" | "bound" | "enabled" | "subscribed" | "resumed" | "live";

/** What is waited for in each state. */
const AWAITED: Readonly<Record<Exclude<State, "live">, Buffer>> = {
  features: Buffer.from("</stream:features>"),
  success: Buffer.from("<success"),
  restarted: Buffer.from("</stream:features>"),
  bound: Buffer.from("</jid>"),
  enabled: Buffer.from("<enabled"),
  subscribed: Buffer.from('subscription="subscribed"'),
  resumed: Buffer.from("<resumed"),
};

/** How a binding carries the dialogue. */
export interface XmppCarrier {
  /** Opens the stream, and opens it anew after the login. */
  readonly header: string;
  send(text: string): void;
}

/**
 * What an XMPP client says by TCP and WebSocket: logs in as nobody, binds, has the stream managed (XEP-0198), subscribes.
 * One that comes back resumes its stream with the count of what it has got, so that nothing is lost or comes twice.
 *
 *     features → success → restarted → bound → enabled → subscribed → live
 *                              └──────────── resumed ─────────────────↗
 */
export class XmppDialogue {
  readonly #host: ClientHost;
  readonly #client: number;
  readonly #domain: string;
  #carrier: XmppCarrier | null = null;
  #state: State = "features";
  /** Stanzas since the stream is managed. */
  #handled = 0;
  #resumption: string | null = null;
  #jid = "";

  constructor(host: ClientHost, client: number, domain: string) {
    this.#host = host;
    this.#client = client;
    this.#domain = domain;
  }

  get isLive(): boolean {
    return this.#state === "live";
  }

  /** Begins on a new connection. */
  start(carrier: XmppCarrier): void {
    this.#carrier = carrier;
    this.#state = "features";
    carrier.send(carrier.header);
  }

  /** Before it is live: looks for what is awaited; answers how far it has read, -1 if it is not there yet. */
  advance(bytes: Buffer, from: number, to: number): number {
    if (this.#state === "live") return from;
    const found = bytes.indexOf(AWAITED[this.#state], from);
    const end = found < 0 ? -1 : bytes.indexOf(GREATER, found);
    if (end < 0 || end >= to) return -1;
    this.#next(bytes.toString("latin1", found, end + 1), bytes.toString("latin1", from, end));
    return end + 1;
  }

  /** When it is live: whole stanzas. */
  take(bytes: Buffer, from: number, to: number): void {
    take(this.#host, this.#client, bytes, from, to);
    for (let end = bytes.indexOf(MESSAGE_END, from); end >= 0 && end < to; end = bytes.indexOf(MESSAGE_END, end + 1)) {
      this.#handled += 1;
    }
    const asked = bytes.indexOf(INQUIRY, from);
    if (asked >= 0 && asked < to) this.#say(`<a xmlns="${SM}" h="${this.#handled}"/>`);
  }

  #next(found: string, before: string): void {
    switch (this.#state) {
      case "features":
        this.#say('<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="ANONYMOUS"/>');
        this.#state = "success";
        return;
      case "success":
        this.#say(this.#carrier?.header ?? "");
        this.#state = "restarted";
        return;
      case "restarted":
        if (this.#resumption !== null) {
          this.#say(`<resume xmlns="${SM}" previd="${this.#resumption}" h="${this.#handled}"/>`);
          this.#state = "resumed";
          return;
        }
        this.#say(iq("b", '<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/>'));
        this.#state = "bound";
        return;
      case "bound":
        this.#jid = before.slice(before.lastIndexOf("<jid>") + "<jid>".length, before.lastIndexOf("</jid"));
        this.#say(`<enable xmlns="${SM}" resume="true"/>`);
        this.#state = "enabled";
        return;
      case "enabled":
        this.#resumption = / id="([^"]*)"/.exec(found)?.[1] ?? null;
        this.#say(subscription(this.#jid, topicName(this.#host.tally.topicOf(this.#client)), this.#domain));
        this.#state = "subscribed";
        return;
      case "subscribed":
        this.#handled = 1;
        this.#live();
        return;
      case "resumed":
        this.#live();
        return;
      case "live":
    }
  }

  #live(): void {
    this.#state = "live";
    this.#host.ready(this.#client);
  }

  #say(text: string): void {
    this.#carrier?.send(text);
  }
}

function iq(id: string, content: string, to = ""): string {
  return `<iq xmlns="jabber:client" id="${id}" type="set"${to}>${content}</iq>`;
}

/** Subscribes a JID to a topic's node (XEP-0060 §6.1). */
export function subscription(jid: string, topic: string, domain: string): string {
  const subscribe = `<subscribe node="${topic}" jid="${jid}"/>`;
  return iq("s", `<pubsub xmlns="http://jabber.org/protocol/pubsub">${subscribe}</pubsub>`, ` to="pubsub.${domain}"`);
}
