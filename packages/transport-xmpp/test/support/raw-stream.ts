import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { CERTIFICATE } from "./xmpp-server.ts";
import { until } from "./until.ts";

export const HEAD: string =
  `<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' ` +
  `xmlns:stream='http://etherx.jabber.org/streams'>`;

export const ANONYMOUS = `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>`;

/** A client by TCP that sends what a test writes, and keeps all that came. */
export class RawStream {
  #socket: Socket;
  /** All that came, in the clear and by TLS. */
  text = "";
  isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen(socket);
  }

  static async open(port: number): Promise<RawStream> {
    const socket = connect(port, "127.0.0.1");
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return new RawStream(socket);
  }

  static async openDirect(port: number): Promise<RawStream> {
    const socket = connectTls({ port, host: "127.0.0.1", servername: "localhost", ca: CERTIFICATE });
    await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
    return new RawStream(socket);
  }

  /** A stream that has logged in and bound a resource. */
  static async bound(port: number, auth: string = ANONYMOUS): Promise<RawStream> {
    const stream = await RawStream.open(port);
    await stream.login(auth);
    return stream;
  }

  async login(auth: string = ANONYMOUS): Promise<void> {
    await this.ask(HEAD, "</stream:features>");
    await this.ask(auth, "<success");
    await this.ask(HEAD, "</stream:features>");
    await this.ask("<iq id='b' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", "</jid>");
  }

  /** The full JID. */
  get jid(): string {
    return /<jid>([^<]+)</.exec(this.text)?.[1] ?? "";
  }

  /** Sends, and waits for something that comes then. */
  async ask(text: string | Buffer, expected: string): Promise<string> {
    const from = this.text.length;
    this.send(text);
    return this.wait(expected, from);
  }

  async wait(expected: string, from: number = 0): Promise<string> {
    await until(
      `${expected}, beside ${this.text.slice(from)}`,
      () => this.text.includes(expected, from) || this.isClosed,
    );
    return this.text.slice(from);
  }

  async closed(): Promise<void> {
    await until("the end", () => this.isClosed);
  }

  send(text: string | Buffer): void {
    if (this.#socket.writable) this.#socket.write(text);
  }

  /** Starts TLS on the same connection. */
  async secure(): Promise<void> {
    const plain = this.#socket;
    plain.removeAllListeners("data");
    const secured = connectTls({ socket: plain, servername: "localhost", ca: CERTIFICATE });
    await new Promise((resolve, reject) => secured.once("secureConnect", resolve).once("error", reject));
    this.#socket = secured;
    this.#listen(secured);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #listen(socket: Socket): void {
    socket.on("data", (chunk: Buffer) => (this.text += chunk.toString()));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => (this.isClosed = true));
  }
}
