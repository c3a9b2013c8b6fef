import { WebSocket } from "ws";
import { body, post } from "../support/bosh-client.ts";
import { RawStream } from "../support/raw-stream.ts";
import { until } from "../support/until.ts";

/** A server that probes are sent to. */
export interface Target {
  readonly tcpPort: number;
  readonly websocketUrl: string;
  readonly boshUrl: string;
}

/** One client's connection by any binding, as far as a probe needs it. */
export interface Line {
  /** All that came, as it came. */
  readonly text: string;
  /** Why it is over, in the binding's own terms, or ""; `null` while it is not. */
  readonly end: string | null;
  /** Whether what was sent has been answered, all but the last. Where elements have no answers of their own, always. */
  readonly isSettled: boolean;
  /** Whether the server can say nothing until it is asked. */
  readonly isSilent: boolean;
  /** Sends elements as the binding sends them. */
  send(content: string | Buffer): void;
  destroy(): void;
}

export type BindingName = "tcp" | "websocket" | "bosh";

const HEADS: Readonly<Record<BindingName, string>> = {
  tcp:
    `<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' ` +
    `xmlns:stream='http://etherx.jabber.org/streams'>`,
  websocket: "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>",
  // The <body/> is the head.
  bosh: "",
};

/** What starts a stream. */
export function headOf(binding: BindingName): string {
  return HEADS[binding];
}

/** @param headers of what goes by HTTP */
export async function connect(
  binding: BindingName,
  target: Target,
  headers: Readonly<Record<string, string>> = {},
): Promise<Line> {
  if (binding === "tcp") return TcpLine.open(target);
  return binding === "websocket" ? WebSocketLine.open(target, headers) : new BoshLine(target, headers);
}

class TcpLine implements Line {
  readonly isSettled = true;
  readonly isSilent = false;
  readonly #stream: RawStream;

  static async open({ tcpPort }: Target): Promise<TcpLine> {
    return new TcpLine(await RawStream.open(tcpPort));
  }

  private constructor(stream: RawStream) {
    this.#stream = stream;
  }

  get text(): string {
    return this.#stream.text;
  }

  get end(): string | null {
    return this.#stream.isClosed ? "" : null;
  }

  send(content: string | Buffer): void {
    this.#stream.send(content);
  }

  destroy(): void {
    this.#stream.destroy();
  }
}

/** Each piece of content is a message. */
class WebSocketLine implements Line {
  readonly isSettled = true;
  readonly isSilent = false;
  readonly #ws: WebSocket;
  text = "";
  end: string | null = null;

  static async open({ websocketUrl }: Target, headers: Readonly<Record<string, string>>): Promise<WebSocketLine> {
    const line = new WebSocketLine(new WebSocket(websocketUrl, "xmpp", { headers }));
    await until("the upgrade", () => line.#ws.readyState !== WebSocket.CONNECTING);
    return line;
  }

  private constructor(ws: WebSocket) {
    this.#ws = ws;
    ws.on("message", (data: Buffer) => (this.text += data.toString()));
    ws.on("close", (code) => (this.end = code === 1000 ? "" : String(code)));
    ws.on("error", () => undefined);
  }

  send(content: string | Buffer): void {
    if (this.#ws.readyState === WebSocket.OPEN) this.#ws.send(content, { binary: false });
  }

  destroy(): void {
    this.#ws.terminate();
  }
}

/** Each piece of content is a request, the first one the creation of a session. */
class BoshLine implements Line {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  /** By their rids. */
  readonly #waiting = new Set<number>();
  readonly #ends = new Map<number, string>();
  #rid = 1_000_000;
  #sid = "";
  text = "";

  constructor({ boshUrl }: Target, headers: Readonly<Record<string, string>>) {
    this.#url = boshUrl;
    this.#headers = headers;
  }

  /** Of several requests the first one says it. */
  get end(): string | null {
    const first = Math.min(...this.#ends.keys());
    const isKnown = [...this.#waiting].every((rid) => rid > first);
    return isKnown ? (this.#ends.get(first) ?? null) : null;
  }

  get isSettled(): boolean {
    return this.#waiting.size === 0 || (this.#waiting.size === 1 && this.#waiting.has(this.#rid));
  }

  get isSilent(): boolean {
    return this.#waiting.size === 0;
  }

  send(content: string | Buffer): void {
    this.#rid += 1;
    const rid = this.#rid;
    const isFirst = this.#sid === "";
    const isRestart = !isFirst && content === "";
    const attributes = {
      rid,
      ...(isFirst ? { to: "localhost", wait: 1, hold: 1, ver: "1.11" } : { sid: this.#sid }),
      ...(isRestart ? { "xmpp:restart": "true", "xmlns:xmpp": "urn:xmpp:xbosh", to: "localhost" } : {}),
    };
    const [start = "", end = ""] = body(attributes, "\0").split("\0");
    this.#waiting.add(rid);
    const whole = Buffer.concat([Buffer.from(start), Buffer.from(content), Buffer.from(end)]);
    void post(this.#url, whole, this.#headers).then(
      (answer) => this.#answered(rid, answer),
      () => this.#answered(rid, ""),
    );
  }

  destroy(): void {
    // Its requests end by themselves.
  }

  #answered(rid: number, answer: string): void {
    this.#waiting.delete(rid);
    this.#sid ||= / sid=["']([^"']+)/.exec(answer)?.[1] ?? "";
    this.text += answer;
    const [start = ""] = /<body[^>]*>/.exec(answer) ?? [];
    if (start.includes("terminate")) this.#ends.set(rid, /condition=["']([^"']+)/.exec(start)?.[1] ?? "");
    else if (start === "") this.#ends.set(rid, /"status":(\d+)/.exec(answer)?.[1] ?? "no answer");
  }
}
