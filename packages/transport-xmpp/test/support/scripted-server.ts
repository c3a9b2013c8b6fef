import { createHash } from "node:crypto";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { until } from "./until.ts";

const PING = /<iq type="get" id="([^"]+)" from="([^"]+)" to="([^"]+)"><ping /g;

/** A server that takes components (XEP-0114) and does what a test says. */
export class ScriptedServer {
  readonly secret = "a secret";
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #socket: Socket | null = null;
  #unread = "";
  /** What the component has sent on the connection of now. */
  text = "";
  /** Components that have joined so far. */
  joined = 0;
  connections = 0;
  /** Said in the place of `<handshake/>`. */
  refusal: string | null = null;
  /** Whether a ping to that address is answered, and how: by default as by one who is there. */
  answer: (to: string, id: string) => string | null = (to, id) =>
    `<iq type='result' id='${id}' from='${to}' to='pubsub.example.org'/>`;

  /** What has come, before pings in it are answered. */
  onText: (text: string) => void = () => undefined;

  private constructor() {
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async start(port = 0): Promise<ScriptedServer> {
    const server = new ScriptedServer();
    await new Promise<void>((resolve) => server.#server.listen(port, "127.0.0.1", resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async waitJoined(count = 1): Promise<void> {
    await until(`component ${count}`, () => this.joined >= count);
  }

  send(text: string | Buffer): void {
    this.#socket?.write(text);
  }

  /** Sends, and waits for something that comes then. */
  async ask(text: string, expected: string): Promise<string> {
    const from = this.text.length;
    this.send(text);
    return this.wait(expected, from);
  }

  async wait(expected: string, from = 0): Promise<string> {
    await until(`${expected}, beside ${this.text.slice(from)}`, () => this.text.includes(expected, from));
    return this.text.slice(from);
  }

  /** Stops or goes on reading. */
  pause(isPaused: boolean): void {
    if (isPaused) this.#socket?.pause();
    else this.#socket?.resume();
  }

  cut(): void {
    this.#socket?.destroy();
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: Socket): void {
    this.connections += 1;
    this.#socket = socket;
    this.#sockets.add(socket);
    this.text = "";
    this.#unread = "";
    const id = `stream-${this.connections}`;
    const proof = createHash("sha1").update(`${id}${this.secret}`).digest("hex");
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("data", (chunk: Buffer) => {
      const text = chunk.toString();
      this.text += text;
      this.#unread += text;
      this.onText(text);
      if (this.#unread.includes("<stream:stream ")) {
        this.#unread = "";
        socket.write(
          `<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' ` +
            `xmlns:stream='http://etherx.jabber.org/streams' from='pubsub.example.org' id='${id}'>`,
        );
      } else if (this.#unread.includes("</handshake>")) {
        const isRight = this.#unread.includes(proof);
        this.#unread = "";
        if (!isRight || this.refusal !== null) {
          socket.end(this.refusal ?? streamError("not-authorized"));
          return;
        }
        socket.write("<handshake/>");
        this.joined += 1;
      } else if (this.#unread.includes("</stream:stream>")) socket.end("</stream:stream>");
      this.#answerPings(socket);
    });
  }

  #answerPings(socket: Socket): void {
    let end = 0;
    for (const match of this.#unread.matchAll(PING)) {
      end = match.index + match[0].length;
      const answer = this.answer(match[3] ?? "", match[1] ?? "");
      if (answer !== null) socket.write(answer);
    }
    this.#unread = this.#unread.slice(Math.max(end, this.#unread.length - 1000));
  }
}

export function streamError(condition: string): string {
  return `<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`;
}
