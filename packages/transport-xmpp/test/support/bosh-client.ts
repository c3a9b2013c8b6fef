/** A `<body/>` of BOSH. */
export function body(attributes: Readonly<Record<string, string | number>>, content = ""): string {
  const written = Object.entries(attributes).map(([name, value]) => ` ${name}="${value}"`);
  return `<body xmlns="http://jabber.org/protocol/httpbind"${written.join("")}>${content}</body>`;
}

/** Sends one request; the answer's body. */
export async function post(
  url: string,
  text: string | Uint8Array,
  more: Readonly<Record<string, string>> = {},
): Promise<string> {
  const headers = { "content-type": "text/xml; charset=utf-8", ...more };
  const response = await fetch(url, { method: "POST", headers, body: text });
  return response.text();
}

/** A BOSH client that does as a test says. Answers are taken in the order of their requests. */
export class BoshClient {
  readonly #url: string;
  #sid = "";
  rid = 1_000_000;
  #text = "";

  constructor(url: string) {
    this.#url = url;
  }

  get sid(): string {
    return this.#sid;
  }

  /** The full JID. */
  get jid(): string {
    return /<jid>([^<]+)</.exec(this.#text)?.[1] ?? "";
  }

  async create(attributes: Readonly<Record<string, string | number>> = {}): Promise<string> {
    const all = { rid: this.rid, to: "localhost", wait: 5, hold: 1, ver: "1.11", ...attributes };
    const answer = await post(this.#url, body(all));
    this.#sid = / sid="([^"]+)"/.exec(answer)?.[1] ?? "";
    return answer;
  }

  /** The next request. */
  send(content = "", attributes: Readonly<Record<string, string | number>> = {}): Promise<string> {
    this.rid += 1;
    return this.repeat(this.rid, content, attributes);
  }

  /** A request that is held: the one before it has been answered for its sake. */
  async hold(): Promise<{ readonly answer: Promise<string> }> {
    const former = this.send();
    const answer = this.send();
    await former;
    return { answer };
  }

  /** A request with a rid of the test's choice. */
  async repeat(rid: number, content = "", attributes: Readonly<Record<string, string | number>> = {}): Promise<string> {
    const answer = await post(this.#url, body({ rid, sid: this.#sid, ...attributes }, content));
    this.#text += answer;
    return answer;
  }

  /** Logs in without a name. */
  async login(attributes: Readonly<Record<string, string | number>> = {}): Promise<void> {
    await this.create(attributes);
    await this.send(`<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="ANONYMOUS"/>`);
    await this.send("", { "xmpp:restart": "true", "xmlns:xmpp": "urn:xmpp:xbosh", to: "localhost" });
    await this.send(
      `<iq xmlns="jabber:client" id="b" type="set"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>`,
    );
  }

  /** Subscribes to a node. */
  subscribe(node: string): Promise<string> {
    const subscription = `<subscribe node="${node}" jid="${this.jid}"/>`;
    const pubsub = `<pubsub xmlns="http://jabber.org/protocol/pubsub">${subscription}</pubsub>`;
    return this.send(`<iq xmlns="jabber:client" id="s" type="set" to="pubsub.localhost">${pubsub}</iq>`);
  }
}

/** The data of the events in what came. */
export function dataOf(text: string): unknown[] {
  return [...text.matchAll(/<json xmlns="urn:xmpp:json:0">([^<]*)<\/json>/g)].map(
    ([, json = ""]) => (JSON.parse(json) as { data: unknown }).data,
  );
}
