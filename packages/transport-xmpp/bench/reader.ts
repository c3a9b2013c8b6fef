import { createHash, createHmac, pbkdf2, randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { promisify } from "node:util";
import { asFrame, ServerFrames } from "./server-frames.ts";

/** Ways to read that are compared. */
export type Kind = "websocket" | "xmpp-tcp" | "xmpp-websocket";

/** Where the gateway is, and what there is to read. */
export interface Gateway {
  readonly httpPort: number;
  readonly xmppPort: number;
  readonly topic: string;
  readonly password: string;
}

const derive = promisify(pbkdf2);
const SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
const CLIENT = ` xmlns="jabber:client"`;
const STREAM = `<stream:stream to="localhost" version="1.0"${CLIENT} xmlns:stream="http://etherx.jabber.org/streams">`;
const OPEN = `<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="localhost" version="1.0"/>`;
const SM = "urn:xmpp:sm:3";
const MESSAGE_END = "</message>";
const PING = 9;
const PONG = 10;
const TEXT = 1;

/**
 * A client that does as little as it can: it counts what it gets and answers what it must (`<r/>`, pings), so that the
 * process of a thousand of them leaves the gateway its core.
 */
export class Reader {
  readonly #socket: Socket;
  readonly #kind: Kind;
  readonly #frames: ServerFrames | null;
  /** What came before the counting began; an element that has not come whole, after. */
  #text = "";
  #onText: (() => void) | null = null;
  #isCounting = false;
  /** Events. */
  count = 0;

  private constructor(kind: Kind, port: number) {
    this.#kind = kind;
    this.#frames = kind === "xmpp-tcp" ? null : new ServerFrames((opcode, payload) => this.#frame(opcode, payload));
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.setNoDelay(true);
    this.#socket.on("data", (chunk: Buffer) => {
      if (this.#frames === null || !this.#frames.isUpgraded) this.#take(this.#upgraded(chunk));
      else this.#frames.feed(chunk);
    });
  }

  /** Connects, logs in and subscribes. */
  static async open(kind: Kind, name: string, gateway: Gateway): Promise<Reader> {
    const reader = new Reader(kind, kind === "xmpp-tcp" ? gateway.xmppPort : gateway.httpPort);
    if (kind === "websocket") await reader.#upgrade(`/realtime/events?topic=${gateway.topic}`, "sluice.v1", "welcome");
    else await reader.#login(name, gateway);
    reader.#text = "";
    reader.#isCounting = true;
    return reader;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #login(name: string, { topic, password }: Gateway): Promise<void> {
    const isTcp = this.#kind === "xmpp-tcp";
    const head = isTcp ? STREAM : OPEN;
    if (!isTcp) await this.#upgrade("/realtime/xmpp", "xmpp");
    await this.#ask(head, "</stream:features>");
    const bare = `n=${name},r=${randomBytes(12).toString("hex")}`;
    const auth = `<auth xmlns="${SASL}" mechanism="SCRAM-SHA-1">${base64(`n,,${bare}`)}</auth>`;
    const [, challenge = ""] = />([^<]+)<\/challenge>/.exec(await this.#ask(auth, "</challenge>")) ?? [];
    const proof = await proofOf(bare, Buffer.from(challenge, "base64").toString(), password);
    await this.#ask(`<response xmlns="${SASL}">${base64(proof)}</response>`, "</success>");
    await this.#ask(head, "</stream:features>");
    // A resource of its own, so that subscriptions of former rounds cost nothing.
    const bind = `<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><resource>${topic}</resource></bind>`;
    await this.#ask(`<iq${CLIENT} id="b" type="set">${bind}</iq>`, "</iq>");
    const subscribe = `<subscribe node="${topic}" jid="${name}@localhost/${topic}"/>`;
    const pubsub = `<pubsub xmlns="http://jabber.org/protocol/pubsub">${subscribe}</pubsub>`;
    await this.#ask(`<iq${CLIENT} id="s" type="set" to="pubsub.localhost">${pubsub}</iq>`, "</iq>");
    await this.#ask(`<enable xmlns="${SM}" resume="true"/>`, "<enabled");
  }

  async #upgrade(path: string, protocol: string, expected = "\r\n\r\n"): Promise<void> {
    const key = randomBytes(16).toString("base64");
    const head =
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`;
    this.#socket.write(head);
    await this.#wait(expected);
  }

  /** The part of a chunk that is no frames: all of it by TCP, the answer's head by WebSocket. */
  #upgraded(chunk: Buffer): Buffer {
    if (this.#frames === null) return chunk;
    const end = chunk.indexOf("\r\n\r\n");
    if (end === -1) throw new Error(`not upgraded: ${chunk.toString()}`);
    this.#frames.isUpgraded = true;
    setImmediate(() => this.#frames?.feed(chunk.subarray(end + 4)));
    return chunk.subarray(0, end + 4);
  }

  #frame(opcode: number, payload: Buffer): void {
    if (opcode === PING) this.#socket.write(asFrame(PONG, payload));
    else if (opcode === TEXT && this.#kind === "websocket" && this.#isCounting) {
      if (payload.toString("latin1", 0, 5) === '{"id"') this.count += 1;
    } else if (opcode === TEXT) this.#take(payload);
  }

  #take(chunk: Buffer): void {
    this.#text += chunk.toString("latin1");
    if (!this.#isCounting) {
      this.#onText?.();
      return;
    }
    let at = 0;
    for (let end = this.#end(at); end !== -1; end = this.#end(at)) {
      at = end + MESSAGE_END.length;
      this.count += 1;
    }
    const rest = at === 0 ? this.#text : this.#text.slice(at);
    const isAsked = rest.includes("<r ");
    if (isAsked) this.#send(`<a xmlns="${SM}" h="${this.count}"/>`);
    this.#text = isAsked ? "" : rest;
  }

  #end(from: number): number {
    return this.#text.indexOf(MESSAGE_END, from);
  }

  async #ask(text: string, expected: string): Promise<string> {
    this.#text = "";
    this.#send(text);
    await this.#wait(expected);
    return this.#text;
  }

  async #wait(expected: string): Promise<void> {
    while (!this.#text.includes(expected)) {
      await new Promise<void>((resolve) => (this.#onText = resolve));
    }
  }

  #send(text: string): void {
    this.#socket.write(this.#kind === "xmpp-websocket" ? asFrame(TEXT, Buffer.from(text)) : text);
  }
}

/** SCRAM-SHA-1 (RFC 5802): the client's last message. */
async function proofOf(bare: string, challenge: string, password: string): Promise<string> {
  const [, nonce = "", salt = "", iterations = ""] = /^r=([^,]+),s=([^,]+),i=(\d+)/.exec(challenge) ?? [];
  const salted = await derive(password, Buffer.from(salt, "base64"), Number(iterations), 20, "sha1");
  const hmac = (key: Buffer, text: string): Buffer => createHmac("sha1", key).update(text).digest();
  const clientKey = hmac(salted, "Client Key");
  const storedKey = createHash("sha1").update(clientKey).digest();
  const final = `c=${base64("n,,")},r=${nonce}`;
  const signature = hmac(storedKey, `${bare},${challenge},${final}`);
  const proof = clientKey.map((byte, index) => byte ^ (signature[index] ?? 0));
  return `${final},p=${Buffer.from(proof).toString("base64")}`;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
