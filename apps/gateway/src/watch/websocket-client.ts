import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { readRefusal } from "../client/answer.ts";
import {
  askHeaders,
  askUrl,
  cutBy,
  endingOf,
  type Ask,
  type Ending,
  type GapNote,
  type Item,
  type Receiver,
  type WatchClient,
} from "./watch-client.ts";

const SUBPROTOCOL = "sluice.v1";
const HANDSHAKE_TIMEOUT_MS = 15_000;
const MESSAGE_MAX_BYTES = 64 * 1024 * 1024;
/** Messages that may wait for their reader before the socket is paused. */
const WAITING_MAX = 256;
/** Silence for so many heartbeats means that the connection is dead. */
const MISSED_HEARTBEATS = 2.5;
/** Policy violation (RFC 6455, 7.4.1), and the gateway's own for a token that has ended. */
const FATAL_CLOSE_CODES: ReadonlySet<number> = new Set([1008, 4401]);

/** Follows over a WebSocket (RFC 6455). */
export const websocketClient: WatchClient = {
  name: "websocket",
  connect: (ask, receiver, signal) => new Connection(ask, receiver, signal).ended,
};

type Message = Readonly<Record<string, unknown>>;

class Connection {
  readonly ended: Promise<Ending>;
  readonly #receiver: Receiver;
  readonly #socket: WebSocket;
  readonly #settle: (ending: Ending) => void;
  #waiting: Item[] = [];
  #cursor: string | null = null;
  /** Whether the connection's newest cursor is ours too: not before a replay is over. */
  #isLive: boolean;
  #taking: Promise<void> | null = null;
  #ending: Ending | null = null;
  #heartbeatMs = 25_000;
  #watchdog: NodeJS.Timeout | undefined;
  #reconnectAfterMs: number | null = null;
  #lastFault: string | null = null;

  constructor(ask: Ask, receiver: Receiver, signal: AbortSignal) {
    this.#receiver = receiver;
    this.#isLive = ask.start === "latest";
    const { promise, resolve } = Promise.withResolvers<Ending>();
    this.ended = promise;
    const url = askUrl(ask, "websocket");
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    this.#socket = new WebSocket(url, SUBPROTOCOL, {
      headers: askHeaders(ask),
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: MESSAGE_MAX_BYTES,
      perMessageDeflate: false,
    });
    const stop = (): void => this.#socket.terminate();
    this.#settle = (ending) => {
      clearTimeout(this.#watchdog);
      signal.removeEventListener("abort", stop);
      resolve(ending);
    };
    this.#listen();
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on("message", (data, isBinary) => {
      this.#watch();
      // As the default of `ws` has it, a message is one Buffer.
      if (!isBinary) this.#receive((data as Buffer).toString("utf8"));
    });
    socket.on("ping", () => this.#watch());
    socket.on("unexpected-response", (_request, response) => void this.#refused(response));
    socket.on("error", (error) => {
      this.#ending ??= cutBy(error);
    });
    socket.on("close", (code, reason) => void this.#closed(code, reason.toString("utf8")));
  }

  #receive(text: string): void {
    try {
      this.#message(text);
    } catch {
      this.#ending ??= { kind: "unfit", detail: "what answers there does not speak the gateway's protocol" };
      this.#socket.terminate();
    }
  }

  #message(text: string): void {
    if (!text.startsWith('{"op":')) {
      const { cursor } = JSON.parse(text) as { readonly cursor: string };
      this.#put({ kind: "event", json: text }, cursor);
      return;
    }
    const message = JSON.parse(text) as Message;
    const cursor = typeof message["cursor"] === "string" ? message["cursor"] : null;
    switch (message["op"]) {
      case "welcome":
        this.#heartbeatMs = Number(message["heartbeat"] ?? 25) * 1000;
        this.#watch();
        this.#receiver.opened();
        this.#put(null, this.#isLive ? cursor : null);
        break;
      case "live":
        this.#isLive = true;
        this.#put(null, cursor);
        break;
      case "gap":
        this.#put({ kind: "gap", gap: gapOf(message) }, null);
        break;
      case "closing":
        this.#reconnectAfterMs = Number(message["reconnect_after_ms"] ?? 0);
        break;
      case "error":
        this.#lastFault = typeof message["detail"] === "string" ? message["detail"] : String(message["code"]);
        break;
      default:
        if (this.#isLive) this.#put(null, cursor);
    }
  }

  #put(item: Item | null, cursor: string | null): void {
    if (item !== null) this.#waiting.push(item);
    if (cursor !== null) this.#cursor = cursor;
    if (this.#waiting.length >= WAITING_MAX) this.#socket.pause();
    this.#taking ??= this.#take();
  }

  async #take(): Promise<void> {
    // Never over before its promise is kept, and from the last look at what waits to its end in one turn.
    await Promise.resolve();
    let cursor: string | null = null;
    while (this.#waiting.length > 0 || this.#cursor !== cursor) {
      const items = this.#waiting;
      this.#waiting = [];
      cursor = this.#cursor;
      await this.#receiver.take(items, cursor);
    }
    this.#taking = null;
    if (this.#socket.isPaused) this.#socket.resume();
  }

  #watch(): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#socket.terminate(), this.#heartbeatMs * MISSED_HEARTBEATS);
  }

  async #refused(response: IncomingMessage): Promise<void> {
    const refusal = await readRefusal(response.statusCode ?? 0, response.headers, response);
    // A proxy that knows no WebSocket answers as it likes; what is no problem of the gateway's is its doing.
    const isGateway = refusal.code !== null || refusal.status >= 500;
    this.#ending ??= isGateway ? endingOf(refusal) : { kind: "unfit", detail: "the WebSocket upgrade was not taken" };
    this.#socket.terminate();
  }

  async #closed(code: number, reason: string): Promise<void> {
    const detail = reason || this.#lastFault || `the connection was closed (${code})`;
    if (FATAL_CLOSE_CODES.has(code)) this.#ending ??= { kind: "refused", detail };
    // What came before the end is taken before the end is told, so that the next connection goes on behind it.
    await this.#taking;
    this.#settle(this.#ending ?? { kind: "cut", detail, retryAfterMs: this.#reconnectAfterMs, isUnreachable: false });
  }
}

function gapOf(message: Message): GapNote {
  return {
    after: String(message["after"]),
    resumed_at: String(message["resumed_at"]),
    reason: String(message["reason"]),
  };
}
