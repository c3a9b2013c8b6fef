import { topicName } from "../load/schedule.ts";
import { take, type Client, type ClientHost } from "./client.ts";
import { HttpConnection, type HttpAnswer, type HttpListener } from "./http-connection.ts";
import type { BoshTarget } from "./targets.ts";
import { subscription } from "./xmpp-dialogue.ts";

const RESTART = `xmpp:restart="true" xmlns:xmpp="urn:xmpp:xbosh"`;
const AUTH = '<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="ANONYMOUS"/>';
const BIND = '<iq xmlns="jabber:client" id="b" type="set"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>';
const WAIT_SECONDS = 60;
const AGAIN_MS = 100;

/**
 * XMPP by BOSH (XEP-0124) with one request at a time, which the server holds until it has something to say. A request
 * whose answer was lost is made again as it was; the session does not notice.
 */
export class BoshClient implements Client, HttpListener {
  readonly #host: ClientHost;
  readonly #target: BoshTarget;
  readonly #client: number;
  readonly #connection: HttpConnection;
  #rid = 1_000_000 + Math.floor(Math.random() * 1_000_000);
  #sid = "";
  #jid = "";
  #request = "";
  /** What the login waits for; empty when it is through. */
  #awaited = "<mechanism";
  #timer: NodeJS.Timeout | null = null;

  constructor(host: ClientHost, target: BoshTarget, client: number) {
    this.#host = host;
    this.#target = target;
    this.#client = client;
    this.#connection = new HttpConnection(host.wire, target.port, this);
  }

  open(): void {
    if (this.#request !== "") {
      this.#connection.send(this.#request);
      return;
    }
    this.#post(`to="${this.#target.domain}" wait="${WAIT_SECONDS}" hold="1" ver="1.11"`);
  }

  cut(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#connection.cut();
  }

  connected(): void {
    if (this.#awaited === "") this.#host.ready(this.#client);
  }

  answered({ status, body }: HttpAnswer): void {
    if (status !== 200) {
      this.#host.failed(this.#client, `${this.#target.path}: ${status}`);
      this.#again();
      return;
    }
    if (this.#awaited !== "") return this.#goOn(body.toString("latin1"));
    const events = take(this.#host, this.#client, body, 0, body.length);
    if (events === 0) {
      this.#host.wire.wasted += 1;
      const ended = /type="terminate".*/.exec(body.toString("latin1"));
      if (ended !== null) return this.#host.failed(this.#client, ended[0]);
    }
    return this.#post(`sid="${this.#sid}"`);
  }

  closed(): void {
    this.#host.failed(this.#client, "the connection ended");
    this.#again();
  }

  #again(): void {
    this.#timer = setTimeout(() => this.open(), AGAIN_MS);
  }

  /** The login, a step for each answer. */
  #goOn(text: string): void {
    const sid = `sid="${(this.#sid ||= / sid="([^"]+)"/.exec(text)?.[1] ?? "")}"`;
    // What comes before what is waited for is not of interest.
    if (!text.includes(this.#awaited)) return this.#post(sid);
    switch (this.#awaited) {
      case "<mechanism":
        this.#awaited = "<success";
        return this.#post(sid, AUTH);
      case "<success":
        this.#awaited = "<bind";
        return this.#post(`${sid} to="${this.#target.domain}" ${RESTART}`);
      case "<bind":
        this.#awaited = "</jid>";
        return this.#post(sid, BIND);
      case "</jid>":
        this.#jid = /<jid>([^<]+)</.exec(text)?.[1] ?? "";
        this.#awaited = 'subscription="subscribed"';
        return this.#post(
          sid,
          subscription(this.#jid, topicName(this.#host.tally.topicOf(this.#client)), this.#target.domain),
        );
      default:
        this.#awaited = "";
        this.#post(sid);
        return this.#host.ready(this.#client);
    }
  }

  #post(attributes: string, content = ""): void {
    const { port, path } = this.#target;
    this.#rid += 1;
    const body = `<body xmlns="http://jabber.org/protocol/httpbind" rid="${this.#rid}" ${attributes}>${content}</body>`;
    this.#request =
      `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: text/xml; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    this.#connection.send(this.#request);
  }
}
