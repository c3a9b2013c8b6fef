import { Agent } from "undici";
import { answerOf } from "../../../support/publisher.ts";
import { HttpRefusal, XmppRefusal } from "./refusal.ts";
import { DOMAIN, type OpenWire, type Wire, type WireEvents } from "./wire.ts";
import type { ReaderOptions } from "../reader-driver.ts";
import { parseXml, type Xml } from "./xml.ts";

const HTTPBIND = 'xmlns="http://jabber.org/protocol/httpbind"';
const XBOSH = 'xmlns:xmpp="urn:xmpp:xbosh"';
/** Requests that may be under way: one that the gateway holds, and one that brings something. */
const REQUESTS = 2;
const FIRST_RID = 1_000;

/** BOSH (XEP-0124, XEP-0206), as behind a proxy that does TLS. */
export const openBosh: OpenWire = async (options, events) => new BoshWire(options, events);

class BoshWire implements Wire {
  readonly #options: ReaderOptions;
  readonly #events: WireEvents;
  readonly #agent = new Agent({ connections: REQUESTS, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  #rid = FIRST_RID;
  #sid: string | null = null;
  /** What waits for a request that may take it. */
  readonly #waiting: string[] = [];
  /** Answers by their rid: they may overtake each other. */
  readonly #answers = new Map<number, Xml>();
  #nextAnswer = FIRST_RID + 1;
  #underWay = 0;
  #isPaused = false;
  #isOver = false;

  constructor(options: ReaderOptions, events: WireEvents) {
    this.#options = options;
    this.#events = events;
  }

  open(): void {
    const opening = this.#sid === null ? this.#create() : this.#ask("", `${XBOSH} xmpp:restart="true" to="${DOMAIN}"`);
    opening.catch((error: unknown) => this.#fail(error));
  }

  send(xml: string): void {
    this.#waiting.push(xml.replace(/^<(iq|message|presence)\b/, '$& xmlns="jabber:client"'));
    this.#pump();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#flush();
    this.#pump();
  }

  cut(): void {
    this.#end("left");
    void this.#agent.destroy();
  }

  async close(): Promise<void> {
    const sid = this.#sid;
    this.cut();
    if (sid === null) return;
    this.#sid = null;
    // The last request may not have arrived, and nothing behind it is heard before it has: it is repeated.
    const say = (rid: number, attributes: string): Promise<unknown> => {
      const body = `<body ${HTTPBIND} rid="${rid}" sid="${sid}"${attributes}/>`;
      return fetch(this.#url, { method: "POST", headers: this.#headers, body }).then((response) => response.text());
    };
    await Promise.all([say(this.#rid, ""), say(this.#rid + 1, ' type="terminate"')]);
  }

  get #url(): string {
    return `${this.#options.url}/realtime/http-bind`;
  }

  get #headers(): Record<string, string> {
    return { "content-type": "text/xml; charset=utf-8", "x-forwarded-proto": "https", ...this.#options.headers };
  }

  /** Keeps one request with the gateway, and brings what waits. */
  #pump(): void {
    if (this.#sid === null || this.#isPaused || this.#isOver) return;
    const isDue = this.#underWay === 0 || (this.#waiting.length > 0 && this.#underWay < REQUESTS);
    if (isDue) this.#ask(this.#waiting.splice(0).join("")).catch((error: unknown) => this.#fail(error));
  }

  async #create(): Promise<void> {
    const terms = `to="${DOMAIN}" wait="30" hold="1" ver="1.11" xmpp:version="1.0" ${XBOSH}`;
    const body = await this.#post(`<body ${HTTPBIND} rid="${this.#rid}" ${terms}/>`);
    this.#sid = body.attribute("sid") ?? null;
    this.#take(body);
  }

  async #ask(content: string, attributes = ""): Promise<void> {
    this.#rid += 1;
    const rid = this.#rid;
    this.#underWay += 1;
    const body = await this.#post(`<body ${HTTPBIND} rid="${rid}" sid="${this.#sid}" ${attributes}>${content}</body>`);
    this.#underWay -= 1;
    this.#answers.set(rid, body);
    this.#flush();
    this.#pump();
  }

  async #post(body: string): Promise<Xml> {
    const { origin, pathname: path } = new URL(this.#url);
    const answer = await answerOf(
      await this.#agent.request({ origin, path, method: "POST", headers: this.#headers, body }),
    );
    if (answer.status !== 200) throw new HttpRefusal(answer);
    return parseXml(answer.text);
  }

  /** Answers in the order of their requests. */
  #flush(): void {
    for (;;) {
      const body = this.#isPaused ? undefined : this.#answers.get(this.#nextAnswer);
      if (body === undefined) return;
      this.#answers.delete(this.#nextAnswer);
      this.#nextAnswer += 1;
      this.#take(body);
    }
  }

  #take(body: Xml): void {
    for (const child of body.children) if (!this.#isOver) this.#events.received(child);
    const condition = body.attribute("condition");
    if (body.attribute("type") !== "terminate") return;
    this.#sid = null;
    if (condition !== undefined && !this.#isOver) this.#events.refused(new XmppRefusal(condition));
    this.#end("cut");
  }

  #fail(error: unknown): void {
    if (error instanceof Error && !this.#isOver) this.#events.refused(error);
    this.#end("cut");
  }

  #end(how: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.ended(how);
  }
}
