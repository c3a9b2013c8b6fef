import { body } from "../support/bosh-client.ts";

type Attributes = Readonly<Record<string, string | number>>;

/** What a request was answered with. */
export interface BoshAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

const FIRST_RID = 4_000_000;
const AUTH = `<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="ANONYMOUS"/>`;
const BIND = `<iq xmlns="jabber:client" id="b" type="set"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>`;
const RESTART = { "xmpp:restart": "true", "xmlns:xmpp": "urn:xmpp:xbosh", to: "localhost" } as const;
const CREATION = { rid: FIRST_RID, to: "localhost", wait: 1, hold: 1, ver: "1.11" } as const;

/** Sends one request with any body. */
export async function send(url: string, text: string | Uint8Array, init: RequestInit = {}): Promise<BoshAnswer> {
  const answer = await fetch(url, { method: "POST", headers: { "content-type": "text/xml" }, body: text, ...init });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** The `<body/>` that creates a session, with other attributes. */
export function creation(attributes: Attributes = {}, without: readonly string[] = [], content = ""): string {
  const all = Object.entries({ ...CREATION, ...attributes }).filter(([name]) => !without.includes(name));
  return body(Object.fromEntries(all), content);
}

/** A session at any server, of which a probe says what is sent. */
export class BoshSession {
  readonly #url: string;
  sid = "";
  rid: number = FIRST_RID;
  /** What it was created with. */
  created = "";

  private constructor(url: string) {
    this.#url = url;
  }

  static async create(url: string, attributes: Attributes = {}): Promise<BoshSession> {
    const session = new BoshSession(url);
    session.created = (await send(url, creation(attributes))).text;
    session.sid = / sid=["']([^"']+)/.exec(session.created)?.[1] ?? "";
    return session;
  }

  /** One that is logged in and bound. */
  static async bound(url: string, attributes: Attributes = {}): Promise<BoshSession> {
    const session = await BoshSession.create(url, attributes);
    await session.ask(AUTH);
    await session.ask("", RESTART);
    await session.ask(BIND);
    return session;
  }

  /** The next request. */
  ask(content = "", attributes: Attributes = {}): Promise<BoshAnswer> {
    this.rid += 1;
    return this.again(content, attributes);
  }

  /** A request that is held: the one before it has been answered for its sake. */
  async hold(): Promise<{ readonly answer: Promise<BoshAnswer> }> {
    const former = this.ask();
    const answer = this.ask();
    await former;
    return { answer };
  }

  /** The same `rid` again, or one so much away from it. */
  again(content = "", attributes: Attributes = {}, away = 0): Promise<BoshAnswer> {
    return send(this.#url, body({ rid: this.rid + away, sid: this.sid, ...attributes }, content));
  }
}

/** An answer in a few words: how a session ends, what is in a body. */
export function say({ status, text }: BoshAnswer): string {
  if (status !== 200) return String(status);
  const [start] = /<body[^>]*>/.exec(text) ?? [];
  if (start === undefined) return text === "" ? "nothing" : "a page";
  const said = [...text.slice(start.length).matchAll(ELEMENT)].map(([element, name = ""]) => {
    const id = / id=["']([^"']*)/.exec(element)?.[1] ?? "";
    if (name === "iq" || name === "message") return `${element.includes("error") ? "error" : "result"} ${id}`.trim();
    return name;
  });
  if (start.includes("terminate")) said.push(`end ${/condition=["']([^"']+)/.exec(start)?.[1] ?? ""}`.trim());
  return said.join(", ") || "empty";
}

/** Those that matter, each with its start tag. */
const ELEMENT = /<(?:stream:)?(features|success|failure|iq|message)\b[^>]*>/g;
