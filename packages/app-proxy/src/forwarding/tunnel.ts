import type { ClientRequest, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { SluiceError } from "@sluice/core";
import { answerHeaders } from "./answer-headers.ts";
import { AnswerBody } from "./answer-body.ts";
import type { ExchangeContext } from "./exchange.ts";
import { responseOn } from "../front-door.ts";
import { valuesOf, type HeaderList } from "./header-list.ts";
import { refuse } from "./refusal.ts";

/** A peer of a tunnel that vanished without a word is found by TCP itself, first asked after this time of silence. */
const TCP_KEEP_ALIVE_MS = 60_000;
/** A client that sends so much before the app has switched is read no further until then. */
const EARLY_BYTES = 64 * 1024;
/** When one side is gone, the other has so long without taking anything until it is cut. */
const LINGER_MS = 10_000;

/**
 * A WebSocket of the app (RFC 6455), or whatever else it switches to: once it has, bytes go both ways as they come, no
 * faster than either side takes them, and each side may end its half on its own. If the app does not switch, its answer
 * is the client's.
 */
export class Tunnel {
  readonly #context: ExchangeContext;
  readonly #request: IncomingMessage;
  readonly #client: Socket;
  /** What the client has sent before the app has switched. */
  readonly #early: Buffer[];
  #earlyBytes = 0;
  readonly #onEnd: (tunnel: Tunnel) => void;
  #ask: ClientRequest | null = null;
  #app: Socket | null = null;
  /** Whether the client has been, or is being, given an answer: the app's or ours. */
  #isAnswered = false;
  #stopTimer: () => void = () => undefined;

  /** @param head bytes of the client that came with its request */
  constructor(
    context: ExchangeContext,
    client: { readonly request: IncomingMessage; readonly socket: Socket; readonly head: Buffer },
    onEnd: (tunnel: Tunnel) => void,
  ) {
    this.#context = context;
    this.#request = client.request;
    this.#client = client.socket;
    this.#early = [client.head];
    this.#onEnd = onEnd;
  }

  /** Asks the app. @param headers end-to-end ones; the upgrade is added here */
  start(path: string, headers: HeaderList): void {
    const { app, clock } = this.#context;
    this.#client.on("error", () => this.#client.destroy());
    this.#client.once("close", () => this.#closed());
    // Only who reads a connection is told that it has ended.
    this.#client.on("data", this.#onEarly);
    this.#client.once("end", this.#onEarlyEnd);
    const upgrade = valuesOf(this.#request.rawHeaders, "upgrade").join(", ");
    const ask = app.send({
      method: this.#request.method ?? "GET",
      path,
      headers: [...headers, "Connection", "Upgrade", "Upgrade", upgrade],
      alone: "half-open",
    });
    this.#ask = ask;
    ask.once("upgrade", (answer, socket, head) => this.#switch(answer, socket, head));
    ask.once("response", (answer) => this.#passAnswer(answer));
    ask.on("error", (error) => {
      const fault = new SluiceError("app-unreachable", "The app can't be reached, or broke off.", { cause: error });
      this.#refuse(fault);
    });
    this.#stopTimer = clock.after(app.options.timeoutMs, () => {
      const detail = `The app did not answer within ${app.options.timeoutMs / 1000} seconds.`;
      this.#refuse(new SluiceError("app-timed-out", detail));
    });
    ask.end();
  }

  /** Ends both sides in an orderly way. */
  end(): void {
    if (this.#app === null) this.cut();
    else finish(this.#client);
  }

  /** Breaks both sides off. */
  cut(): void {
    this.#client.destroy();
    this.#app?.destroy();
  }

  #switch(answer: IncomingMessage, socket: Duplex, head: Buffer): void {
    const client = this.#client;
    if (!this.#answer()) return void socket.destroy();
    const app = socket as Socket;
    this.#app = app;
    for (const side of [client, app]) {
      side.setTimeout(0);
      side.setNoDelay(true);
      side.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    }
    app.on("error", () => client.resetAndDestroy());
    app.once("close", () => finish(client));
    client.off("data", this.#onEarly);
    client.write(headOf(answer), "latin1");
    if (head.length > 0) client.write(head);
    for (const chunk of this.#early.splice(0)) if (chunk.length > 0) app.write(chunk);
    app.pipe(client);
    client.pipe(app);
  }

  /** Whether there is still somebody to be given an answer, and none has been. */
  #answer(): boolean {
    this.#stopTimer();
    if (this.#isAnswered || this.#client.destroyed) return false;
    this.#isAnswered = true;
    this.#client.off("end", this.#onEarlyEnd);
    return true;
  }

  readonly #onEarly = (chunk: Buffer): void => {
    this.#early.push(chunk);
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes >= EARLY_BYTES) this.#client.pause();
  };

  readonly #onEarlyEnd = (): void => {
    this.#client.destroy();
  };

  #passAnswer(answer: IncomingMessage): void {
    if (!this.#answer()) return void answer.destroy();
    const response = responseOn(this.#request, this.#client);
    const headers = answerHeaders(answer, { canTrail: answer.headers["content-length"] === undefined });
    const body = new AnswerBody(answer, response);
    body.onBroken = () => this.#client.resetAndDestroy();
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, [...headers, "Connection", "close"]);
    body.pass();
  }

  #refuse(fault: SluiceError): void {
    if (!this.#answer()) return;
    this.#ask?.destroy();
    this.#context.meter.refused("app-proxy", fault.code);
    refuse(this.#request, responseOn(this.#request, this.#client), fault);
  }

  #closed(): void {
    this.#stopTimer();
    if (this.#app === null) this.#ask?.destroy();
    else finish(this.#app);
    this.#onEnd(this);
  }
}

/** Ends a side when it has taken what it was sent, or takes nothing of it any more. */
function finish(side: Socket): void {
  if (side.destroyed) return;
  side.setTimeout(LINGER_MS, () => side.destroy());
  side.destroySoon();
}

/** The head of the app's 101, as it came, but for what is the gateway's own. */
function headOf(answer: IncomingMessage): string {
  const { rawHeaders } = answer;
  let text = `HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\n`;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (!(rawHeaders[index] as string).toLowerCase().startsWith("sluice-")) {
      text += `${rawHeaders[index]}: ${rawHeaders[index + 1]}\r\n`;
    }
  }
  return `${text}\r\n`;
}
