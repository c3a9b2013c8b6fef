import type { ClientRequest, IncomingMessage, ServerResponse } from "node:http";
import { SluiceError, type Clock, type Logger, type Meter } from "@sluice/core";
import { answerHeaders } from "./answer-headers.ts";
import { AnswerBody } from "./answer-body.ts";
import { isSafeToRepeat, type App } from "./app.ts";
import type { Escort } from "./escort.ts";
import type { HeaderList } from "./header-list.ts";
import { lingerUntilRead, refuse } from "./refusal.ts";
import { RequestBody } from "./request-body.ts";

/** What all exchanges share. */
export interface ExchangeContext {
  readonly app: App;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly logger: Logger;
  /** Whether connections are to end with the answer on its way. */
  readonly isClosing: () => boolean;
}

/** A client that sends nothing more of its body for so long is given up. */
const CLIENT_IDLE_MS = 60_000;
/** How long an app that was too slow for the client is listened to all the same, where its answer matters to others. */
const LATE_MS = 300_000;

/**
 * One request of a client, and the app's answer to it: both streamed, nothing kept but what is on its way.
 *
 * ```
 *  asking ──head of the answer──▶ answered ──(hold settled)──▶ passing ──end──▶ over
 *    │ refused, reset: 502            │ cut: the client's connection is reset     ▲
 *    └ time-out: 504 ─────────────────┴──────────────── client gone ──────────────┘
 * ```
 */
export class Exchange {
  readonly #context: ExchangeContext;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #path: string;
  readonly #headers: HeaderList;
  readonly #escort: Escort | null;
  #ask: ClientRequest | null = null;
  #answer: IncomingMessage | null = null;
  #body: RequestBody | null = null;
  #state: "asking" | "answered" | "over" = "asking";
  /** Whether the client has been told that the app was too slow, and the app is still listened to. */
  #isLate = false;
  #stopTimer: () => void = noTimer;

  /** @param headers for the app */
  constructor(
    context: ExchangeContext,
    [request, response]: readonly [IncomingMessage, ServerResponse],
    { path, headers, escort }: { readonly path: string; readonly headers: HeaderList; readonly escort: Escort | null },
  ) {
    this.#context = context;
    this.#request = request;
    this.#response = response;
    this.#path = path;
    this.#headers = headers;
    this.#escort = escort;
  }

  start(): void {
    this.#response.once("close", () => this.#clientClosed());
    this.#response.once("finish", () => this.#clientAnswered());
    this.#response.on("error", ignore);
    // The response of a pipelined request has no connection yet whose close it could tell.
    this.#request.on("error", () => this.#clientClosed());
    this.#send(undefined);
    this.#watch(this.#context.app.options.timeoutMs);
  }

  #send(alone: "whole" | undefined): void {
    const { app } = this.#context;
    const method = this.#request.method ?? "GET";
    const ask = app.send({ method, path: this.#path, headers: this.#headers, ...(alone && { alone }) });
    this.#ask = ask;
    ask.once("response", (answer) => this.#answered(answer));
    ask.on("error", (error) => this.#failed(ask, error));
    // Without an answer, and without an error: the app switched protocols, for instance.
    ask.once("upgrade", (_answer, socket) => socket.destroy());
    ask.once("close", () => this.#failed(ask, new Error("closed without an answer")));
    ask.on("continue", () => this.#continue());
    ask.on("information", (information) => passInformation(this.#response, information));
    this.#body = new RequestBody(this.#request, ask, this.#context.clock);
    this.#body.start();
  }

  /** The app wants the body: the client is told, if it waits for that. */
  #continue(): void {
    const { expect } = this.#request.headers;
    if (expect !== undefined && !this.#response.headersSent && !this.#response.destroyed)
      this.#response.writeContinue();
  }

  #watch(delayMs: number): void {
    this.#stopTimer = this.#context.clock.after(delayMs, () => this.#timeUp());
  }

  /** The app's time runs while it is its turn; a client that uploads slowly uses up none of it. */
  #timeUp(): void {
    const body = this.#body as RequestBody;
    const idleMs = this.#context.clock.monotonic() - body.progressAtMs;
    const { timeoutMs } = this.#context.app.options;
    const limitMs = body.isClientsTurn ? CLIENT_IDLE_MS : timeoutMs;
    // It may be the app's turn at any moment.
    if (idleMs < limitMs) return this.#watch(Math.min(limitMs - idleMs, timeoutMs));
    if (body.isClientsTurn) {
      return this.#refuse(new SluiceError("request-timeout", "The rest of the request did not arrive in time."));
    }
    const detail = `The app did not answer within ${timeoutMs / 1000} seconds.`;
    if (this.#escort?.outlivesClient !== true) return this.#refuse(new SluiceError("app-timed-out", detail));
    this.#tell(new SluiceError("app-timed-out", detail));
    this.#isLate = true;
    this.#stopTimer = this.#context.clock.after(LATE_MS, () => this.#end());
  }

  #failed(ask: ClientRequest, error: Error): void {
    if (this.#state !== "asking" || ask !== this.#ask) return;
    // The app closed a kept connection just when it was used again: nothing has been done with the request.
    const isStale = ask.reusedSocket && "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");
    if (isStale && this.#body?.isEmpty === true && isSafeToRepeat(this.#request.method ?? "")) {
      return this.#send("whole");
    }
    const code = "code" in error ? String(error.code) : error.message;
    const { url: app } = this.#context.app.options;
    this.#context.logger.warn({ app, code, method: this.#request.method }, "the app can't be reached");
    return this.#refuse(
      new SluiceError("app-unreachable", "The app can't be reached, or broke off.", { cause: error }),
    );
  }

  /** Answers in the app's place, and lets go of the app. */
  #refuse(error: SluiceError): void {
    this.#end();
    if (!this.#isLate) this.#tell(error);
  }

  #tell(error: SluiceError): void {
    this.#context.meter.refused("app-proxy", error.code);
    lingerUntilRead(this.#request, this.#response, this.#context.clock);
    if (this.#context.isClosing()) this.#response.shouldKeepAlive = false;
    refuse(this.#request, this.#response, error);
  }

  #answered(answer: IncomingMessage): void {
    if (this.#state !== "asking") return void answer.destroy();
    this.#state = "answered";
    this.#answer = answer;
    this.#stopTimer();
    const instead = this.#escort?.instead?.(answer) ?? null;
    if (instead !== null) {
      this.#end();
      return instead();
    }
    const headers = answerHeaders(answer, { canTrail: canTrail(this.#request, answer) });
    if (this.#context.isClosing()) headers.push("Connection", "close");
    const hold = this.#escort?.answered(answer, headers) ?? null;
    const body = new AnswerBody(answer, this.#response);
    body.onBroken = () => this.#broken();
    if (hold === null) return this.#pass(answer, headers, body);
    // An app that takes longer within its answer is not waited for.
    this.#stopTimer = this.#context.clock.after(this.#context.app.options.timeoutMs, () => body.hurry());
    void body.hold(hold).then(() => this.#pass(answer, headers, body));
  }

  #pass(answer: IncomingMessage, headers: HeaderList, body: AnswerBody): void {
    const response = this.#response;
    this.#stopTimer();
    if (response.destroyed || this.#isLate) return this.#end();
    lingerUntilRead(this.#request, response, this.#context.clock);
    try {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, headers);
    } catch (error) {
      // What Node's parser took and its writer does not: a control character, say.
      const { url: app } = this.#context.app.options;
      this.#context.logger.warn({ app, reason: String(error) }, "the app's answer is not valid HTTP");
      return this.#refuse(new SluiceError("app-unreachable", "The app's answer is not valid HTTP.", { cause: error }));
    }
    body.onEnd = () => this.#end();
    body.pass();
  }

  /** The app broke off within its answer: the client must not take what it has for the whole. */
  #broken(): void {
    this.#end();
    if (this.#isLate) return;
    this.#context.meter.refused("app-proxy", "app-unreachable");
    if (this.#response.headersSent) this.#request.socket.resetAndDestroy();
    else refuse(this.#request, this.#response, new SluiceError("app-unreachable", "The app broke off."));
  }

  /** Its connection would stay open for the next request, of which there is none once the gateway stops. */
  #clientAnswered(): void {
    if (!this.#context.isClosing()) return;
    const { socket } = this.#request;
    if (this.#request.complete) socket.destroySoon();
    else this.#request.once("end", () => socket.destroySoon());
  }

  #clientClosed(): void {
    if (this.#state === "over") return;
    const isLeft = this.#escort?.outlivesClient === true && this.#body?.isSent === true;
    // What the app has been told whole it may have done: its answer is still listened to.
    if (!isLeft) this.#end();
  }

  /** Lets go of the app's side, unless it is through already. */
  #end(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#stopTimer();
    this.#escort?.over();
    const ask = this.#ask;
    this.#body?.stop();
    // One that is through goes back to the pool.
    if (ask !== null && !(ask.writableFinished && this.#answer?.complete === true)) ask.destroy();
  }
}

function canTrail(request: IncomingMessage, answer: IncomingMessage): boolean {
  const hasBody = request.method !== "HEAD" && answer.statusCode !== 204 && answer.statusCode !== 304;
  return hasBody && request.httpVersion === "1.1" && answer.headers["content-length"] === undefined;
}

/** Passes a 1xx on (103 Early Hints, 102 Processing) to a client that can know of them. */
function passInformation(
  response: ServerResponse,
  information: { readonly statusCode: number; readonly statusMessage: string; readonly rawHeaders: string[] },
): void {
  const { statusCode, statusMessage, rawHeaders } = information;
  if (statusCode === 100 || response.headersSent || response.req.httpVersion !== "1.1") return;
  let text = `HTTP/1.1 ${statusCode} ${statusMessage}\r\n`;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (!/^(?:connection|keep-alive|upgrade|transfer-encoding|content-length|sluice-.*)$/i.test(name)) {
      text += `${name}: ${rawHeaders[index + 1]}\r\n`;
    }
  }
  // Null while an earlier answer on the same connection is not through: then the hint comes too late anyway.
  response.socket?.write(`${text}\r\n`, "latin1");
}

function noTimer(): void {
  // Nothing runs.
}

function ignore(): void {
  // What becomes of the connection is told by its close.
}
