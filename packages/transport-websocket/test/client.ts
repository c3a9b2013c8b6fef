import { WebSocket, type ClientOptions } from "ws";
import { until } from "./until.ts";

/** One message of the gateway, parsed: an event, or something with an `op`. */
export type Message = Readonly<Record<string, unknown>>;

/** A client on the `ws` package. */
export class Client {
  readonly socket: WebSocket;
  /** All messages so far, as text. */
  readonly texts: string[] = [];
  readonly messages: Message[] = [];
  closed: { readonly code: number; readonly reason: string } | null = null;
  pings = 0;

  private constructor(url: string, protocols: readonly string[], options: ClientOptions) {
    this.socket = new WebSocket(url, [...protocols], options);
    this.socket.on("message", (data: Buffer) => {
      this.texts.push(data.toString());
      this.messages.push(JSON.parse(data.toString()) as Message);
    });
    this.socket.on("ping", () => (this.pings += 1));
    this.socket.on("error", () => {});
    this.socket.on("close", (code, reason) => (this.closed = { code, reason: reason.toString() }));
  }

  /** Connects and waits for the welcome. */
  static async open(
    url: string,
    token?: string,
    options: ClientOptions = {},
    protocols: readonly string[] = [],
  ): Promise<Client> {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const client = new Client(url, protocols, { ...options, headers });
    await until("the welcome", () => client.messages.length > 0 || client.closed !== null);
    return client;
  }

  get ops(): readonly Message[] {
    return this.messages.filter((message) => "op" in message);
  }

  get events(): readonly Message[] {
    return this.messages.filter((message) => !("op" in message));
  }

  /** `data` of all events so far. */
  get data(): readonly unknown[] {
    return this.events.map((event) => event["data"]);
  }

  send(message: unknown): void {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  /** Waits for an `op` (with that `ref`, if one is given). */
  async op(op: string, ref?: unknown): Promise<Message> {
    const find = (): Message | undefined =>
      this.messages.find((message) => message["op"] === op && (ref === undefined || message["ref"] === ref));
    await until(`${op} ${String(ref)} among ${JSON.stringify(this.ops)}`, () => find() !== undefined);
    return find() as Message;
  }

  /** Sends a message with a ref and waits for what answers it. */
  async ask(message: Message): Promise<Message> {
    const has = (answer: Message): boolean => answer["ref"] === message["ref"] && answer["op"] !== "live";
    const before = this.ops.filter(has).length;
    this.send(message);
    await until(`an answer to ${JSON.stringify(message)}`, () => this.ops.filter(has).length > before);
    return this.ops.filter(has)[before] as Message;
  }

  async untilData(expected: readonly unknown[]): Promise<void> {
    await until(`events ${JSON.stringify(expected)}`, () => this.events.length >= expected.length);
  }

  async untilClosed(): Promise<{ readonly code: number; readonly reason: string }> {
    await until("the close", () => this.closed !== null);
    return this.closed as { code: number; reason: string };
  }

  close(): void {
    this.socket.terminate();
  }
}
