import type { ReaderOptions } from "../reader-driver.ts";
import { XmppRefusal } from "./refusal.ts";
import { DOMAIN, NS_STREAMS, type OpenWire, type Wire, type WireEvents } from "./wire.ts";
import { escapeXml, type Xml } from "./xml.ts";

/** What a client tells of. */
export interface XmppClientEvents {
  message(message: Xml): void;
  /** By a condition of the stream's error, or as the wire says. */
  ended(how: string): void;
}

const SASL = 'xmlns="urn:ietf:params:xml:ns:xmpp-sasl"';
const BIND = "urn:ietf:params:xml:ns:xmpp-bind";

/** One stream from login to end, on any wire. */
export class XmppClient implements WireEvents {
  readonly #events: XmppClientEvents;
  #wire: Wire | null = null;
  readonly #asked = new Map<string, PromiseWithResolvers<Xml>>();
  /** Whoever waits for the next step of a login. */
  #step: PromiseWithResolvers<Xml> | null = null;
  #refusal: Error | null = null;
  #count = 0;
  #jid = "";

  private constructor(events: XmppClientEvents) {
    this.#events = events;
  }

  /** Connects, logs in and says that it is there. @throws {Error} `HttpRefusal`, `XmppRefusal`, or the socket's */
  static async login(openWire: OpenWire, options: ReaderOptions, events: XmppClientEvents): Promise<XmppClient> {
    const client = new XmppClient(events);
    const { authorization, cookie: _cookie, ...headers } = options.headers ?? {};
    client.#wire = await openWire({ ...options, headers }, client);
    try {
      await client.#login(auth(options.accessToken, authorization?.replace(/^Bearer /, "")), options.resource);
      return client;
    } catch (error) {
      client.wire.cut();
      throw error;
    }
  }

  get jid(): string {
    return this.#jid;
  }

  get wire(): Wire {
    if (this.#wire === null) throw new Error("Not connected");
    return this.#wire;
  }

  /** Asks, and gives the answer. @throws {XmppRefusal} */
  ask(type: "get" | "set", content: string, to?: string): Promise<Xml> {
    this.#count += 1;
    const id = `q${this.#count}`;
    const asked = Promise.withResolvers<Xml>();
    if (this.#refusal !== null) asked.reject(this.#refusal);
    this.#asked.set(id, asked);
    this.wire.send(`<iq type="${type}" id="${id}"${to === undefined ? "" : ` to="${to}"`}>${content}</iq>`);
    return asked.promise;
  }

  received(element: Xml): void {
    const { name, ns } = element;
    if (name === "error" && ns === NS_STREAMS) return this.refused(XmppRefusal.of(element));
    if (name === "message") return this.#events.message(element);
    if (name === "iq") return this.#answered(element);
    if (name === "presence" || name === "open" || name === "close") return undefined;
    this.#step?.resolve(element);
    return undefined;
  }

  refused(refusal: Error): void {
    this.#refusal ??= refusal;
  }

  ended(how: string): void {
    this.#refusal ??= new Error(`The stream is over: ${how}`);
    for (const waiting of [this.#step, ...this.#asked.values()]) waiting?.reject(this.#refusal);
    this.#events.ended(this.#refusal instanceof XmppRefusal ? this.#refusal.condition : how);
  }

  #answered(iq: Xml): void {
    const id = iq.attribute("id") ?? "";
    const type = iq.attribute("type");
    // The gateway asks how far this client has got.
    if (type === "get") return this.wire.send(`<iq type="result" id="${id}" to="${iq.attribute("from")}"/>`);
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (type === "error") asked?.reject(XmppRefusal.of(iq));
    else asked?.resolve(iq);
    return undefined;
  }

  async #login(credentials: string, resource: string | undefined): Promise<void> {
    await this.#next(() => this.wire.open());
    let step = await this.#next(() => this.wire.send(credentials));
    // OAUTHBEARER says what is wrong, and fails when that has been taken note of (RFC 7628 §3.2.3).
    if (step.name === "challenge") step = await this.#next(() => this.wire.send(`<response ${SASL}>AQ==</response>`));
    if (step.name !== "success") throw XmppRefusal.of(step);
    await this.#next(() => this.wire.open());
    const named = resource === undefined ? "" : `<resource>${escapeXml(resource)}</resource>`;
    const bound = await this.ask("set", `<bind xmlns="${BIND}">${named}</bind>`);
    this.#jid = bound.find("jid")?.text ?? "";
    this.wire.send("<presence/>");
  }

  /** Does something, and gives what the gateway says to it. */
  #next(act: () => void): Promise<Xml> {
    this.#step = Promise.withResolvers<Xml>();
    if (this.#refusal !== null) this.#step.reject(this.#refusal);
    act();
    return this.#step.promise;
  }
}

/** With a token as the password, with a token, or with nothing. */
function auth(password: string | undefined, bearer: string | undefined): string {
  const encoded = (text: string): string => Buffer.from(text).toString("base64");
  if (password !== undefined) return `<auth ${SASL} mechanism="PLAIN">${encoded(`\0reader\0${password}`)}</auth>`;
  if (bearer === undefined) return `<auth ${SASL} mechanism="ANONYMOUS"/>`;
  return `<auth ${SASL} mechanism="OAUTHBEARER">${encoded(`n,,\x01auth=Bearer ${bearer}\x01\x01`)}</auth>`;
}

/** The PubSub service. */
export const SERVICE: string = `pubsub.${DOMAIN}`;

/** A request to it. */
export function pubsub(action: string, beside = ""): string {
  return `<pubsub xmlns="http://jabber.org/protocol/pubsub">${action}${beside}</pubsub>`;
}

/** A node's name as an attribute. */
export function nodeAttribute(node: string): string {
  return `node="${escapeXml(node)}"`;
}
