import { faultEnding } from "./answer.ts";
import { Attempt } from "./attempt.ts";
import { gapOf, type GapJson, type Item, type SluiceEvent } from "./event.ts";
import { SluiceError } from "./sluice-error.ts";
import type { Ask, Ending, Helm, Receiver, Tools } from "./transport.ts";

const SUBPROTOCOL = "sluice.v1";
const AUTH_REF = 0;
const SUBSCRIBE_REF = 1;
const HEARTBEAT_MS = 25_000;

/** The statuses that go with the codes of `error` messages that are about access, or pass by themselves. */
const STATUSES: Readonly<Record<string, number>> = { unauthorized: 401, forbidden: 403, "rate-limited": 429 };
const PASSING = /unavailable|internal|capacity|draining/;

/**
 * A WebSocket (RFC 6455). Topics and token go in messages and not in the URL: the token stays out of logs, and a browser,
 * which hides how an upgrade was refused, gets to see why.
 */
export function websocket(ask: Ask, receiver: Receiver, signal: AbortSignal, tools: Tools): Promise<Ending> {
  const attempt = new Attempt(signal, tools);
  return new Promise((resolve) => {
    const url = new URL(ask.url);
    url.protocol = url.protocol.replace("http", "ws");
    url.searchParams.set("transport", "websocket");
    if (tools.WebSocket === undefined) {
      resolve(attempt.end({ how: "off", error: new SluiceError("There is no WebSocket here") }));
      return;
    }
    const socket = new tools.WebSocket(url.href, SUBPROTOCOL);
    attempt.signal.addEventListener("abort", () => {
      socket.close();
      resolve(attempt.ending as Ending);
    });
    if (attempt.ending === undefined) new Connection(ask, receiver, attempt, tools, socket).start();
    else socket.close();
    if (attempt.ending !== undefined) resolve(attempt.ending);
  });
}

interface Op {
  readonly op: string;
  readonly ref?: number;
  readonly cursor?: string;
  readonly heartbeat?: number;
  readonly code?: string;
  readonly detail?: string;
  readonly reconnect_after_ms?: number;
}

class Connection implements Helm {
  readonly #ask: Ask;
  readonly #receiver: Receiver;
  readonly #attempt: Attempt;
  readonly #tools: Tools;
  readonly #socket: WebSocket;
  readonly #pending = new Map<number, () => void>();
  #heartbeatMs = HEARTBEAT_MS;
  #heardAtMs = 0;
  #hasPinged = false;
  #toldMs: number | null = null;
  #ref = SUBSCRIBE_REF;
  /** Whether the cursors of what comes stand for all topics: while topics are replayed those of ops don't. */
  #isLive = false;

  constructor(ask: Ask, receiver: Receiver, attempt: Attempt, tools: Tools, socket: WebSocket) {
    this.#ask = ask;
    this.#receiver = receiver;
    this.#attempt = attempt;
    this.#tools = tools;
    this.#socket = socket;
  }

  start(): void {
    this.#attempt.alarm(this.#tools.timing.connectMs, "unfit", "The WebSocket did not open in time");
    this.#socket.addEventListener("message", ({ data }: MessageEvent) => this.#heard(data as string));
    this.#socket.addEventListener("close", ({ code, reason }) => this.#closed(code, reason));
  }

  subscribe(topics: readonly string[], done: () => void): void {
    const { types } = this.#ask;
    this.#ref += 1;
    this.#pending.set(this.#ref, done);
    this.#send({ op: "subscribe", ref: this.#ref, topics, types });
  }

  unsubscribe(topics: readonly string[]): void {
    this.#send({ op: "unsubscribe", topics });
  }

  check(): void {
    if (!this.#hasPinged) this.#ping();
  }

  #heard(text: string): void {
    if (this.#attempt.ending !== undefined) return;
    this.#heardAtMs = this.#tools.clock.monotonic();
    try {
      if (text.startsWith('{"op":')) this.#op(JSON.parse(text) as Op);
      else {
        const event = JSON.parse(text) as SluiceEvent;
        this.#take([event], event.cursor, text.length);
      }
    } catch (error) {
      this.#attempt.end({ how: "unfit", error: new SluiceError("What came is not the gateway's", 0, null, error) });
    }
  }

  #op(op: Op): void {
    const cursor = op.cursor ?? null;
    switch (op.op) {
      case "welcome":
        this.#heartbeatMs = (op.heartbeat ?? 0) * 1000 || HEARTBEAT_MS;
        this.#open();
        break;
      case "subscribed":
        this.#subscribed(op.ref, cursor);
        break;
      case "live":
        this.#becomeLive(cursor);
        break;
      case "gap": {
        const gap = op as unknown as GapJson;
        this.#take([gapOf(gap)], gap.resumed_at, 0);
        break;
      }
      case "closing":
        this.#toldMs = op.reconnect_after_ms ?? null;
        break;
      case "error":
        this.#refused(op);
        break;
      default:
        // Heartbeats and pongs tell where all topics can be resumed, but in a replay of the newest N not before these.
        if (this.#isLive) this.#take([], cursor, 0);
    }
  }

  #open(): void {
    const { token, topics, types, start } = this.#ask;
    if (token !== null) this.#send({ op: "auth", ref: AUTH_REF, token });
    // Without a start it is live at once.
    const from = "after" in start && start.after === "latest" ? {} : start;
    this.#send({ op: "subscribe", ref: SUBSCRIBE_REF, topics, types, ...from });
  }

  #subscribed(ref: number | undefined, cursor: string | null): void {
    this.#pending.get(ref ?? 0)?.();
    this.#pending.delete(ref ?? 0);
    if (ref !== SUBSCRIBE_REF) return;
    this.#receiver.opened();
    this.#watch();
    const { start } = this.#ask;
    if ("after" in start && start.after === "latest") this.#becomeLive(cursor);
  }

  #becomeLive(cursor: string | null): void {
    this.#isLive = true;
    this.#take([], cursor, 0);
    // Topics that came in during a replay would take its cursors for theirs.
    this.#receiver.steerable(this);
  }

  #take(items: readonly Item[], cursor: string | null, sizeBytes: number): void {
    // A WebSocket can't be made to wait: what does not fit is left in the log.
    if (!this.#receiver.take(items, cursor, sizeBytes)) this.#attempt.end({ how: "full" });
  }

  #refused({ ref, code = "", detail = "" }: Op): void {
    // An unanswered ping or a goodbye to a topic is no harm.
    if (ref === undefined) return;
    const status = STATUSES[code] ?? (PASSING.test(code) ? 503 : 400);
    this.#attempt.end(faultEnding(new SluiceError(detail, status, code)));
  }

  #closed(code: number, reason: string): void {
    const status = code === 4401 ? 401 : code === 1008 ? 403 : 0;
    const error = new SluiceError(reason || `The connection was closed (${code})`, status);
    this.#attempt.end(status === 0 ? { how: "cut", error, toldMs: this.#toldMs } : { how: "refused", error });
  }

  /** A browser sees no pings: after a silence it asks itself. */
  #watch(): void {
    const idleMs = this.#tools.clock.monotonic() - this.#heardAtMs;
    const isIdle = idleMs >= this.#heartbeatMs;
    if (isIdle) this.#ping();
    else this.#attempt.later(this.#heartbeatMs - idleMs, () => this.#watch());
  }

  #ping(): void {
    this.#hasPinged = true;
    const askedAtMs = this.#tools.clock.monotonic();
    this.#send({ op: "ping" });
    this.#attempt.later(this.#tools.timing.pongMs, () => {
      this.#hasPinged = false;
      if (this.#heardAtMs >= askedAtMs) this.#watch();
      else this.#attempt.end({ how: "dead", error: new SluiceError("The connection fell silent") });
    });
  }

  #send(message: object): void {
    this.#socket.send(JSON.stringify(message));
  }
}
