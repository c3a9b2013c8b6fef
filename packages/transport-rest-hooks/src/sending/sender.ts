import { Agent, type Dispatcher } from "undici";
import { Births } from "./births.ts";
import { guardedConnector } from "./connector.ts";
import type { TargetGuard } from "./target-guard.ts";
import { errorClassOf, type ErrorClass } from "./error-class.ts";

/** One request to a target. */
export interface TargetRequest {
  readonly url: URL;
  readonly method: "POST" | "DELETE" | "OPTIONS";
  /** Names and values by turns. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | null;
}

/** Headers of an answer by their names in lower case. */
export type AnswerHeaders = Readonly<Record<string, string>>;

/** Headers of an answer that mean anything to anybody here. */
export const READ_HEADERS = ["retry-after", "x-hook-secret", "webhook-allowed-origin"] as const;

/** What came of a request. */
export type Answer =
  | {
      readonly kind: "answered";
      readonly status: number;
      /** Those of {@link READ_HEADERS} that it has. */
      readonly headers: AnswerHeaders;
      /** The beginning of the body. */
      readonly text: string;
    }
  | { readonly kind: "failed"; readonly error: ErrorClass; readonly reason: string };

/** Options of {@link Sender}. */
export interface SenderOptions {
  readonly guard: TargetGuard;
  /** For a whole attempt, connecting and reading included. */
  readonly timeoutMs: number;
  /** Connections to one origin at the most. */
  readonly perOrigin: number;
  readonly ca?: string | undefined;
}

const CONNECT_TIMEOUT_MS = 5000;
/** Bytes of an answer that are read; more than that cuts the connection. */
const READ_BYTES = 16 * 1024;
/** Bytes of it that are kept. */
const KEPT_BYTES = 2 * 1024;
const HEADER_BYTES = 16 * 1024;
/** An idle connection is kept so long, or as long as the target says, but not under 1 s of that. */
const IDLE_MS = 20_000;

const NONE: AnswerHeaders = {};

/** Sends requests to targets. Never follows, never inflates, reads little, and ends in time. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #agent: Agent;
  /** For the second try when an idle connection turned out to be dead: never an old one. */
  readonly #fresh: Agent;
  readonly #births = new Births();
  readonly #underWay = new Set<Attempt>();

  constructor(options: SenderOptions) {
    this.#options = options;
    const { guard, ca } = options;
    const connect = guardedConnector({ guard, connectTimeoutMs: CONNECT_TIMEOUT_MS, births: this.#births, ca });
    const common = {
      connect,
      allowH2: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: HEADER_BYTES,
      connectTimeout: 0,
    };
    this.#agent = new Agent({
      ...common,
      connections: options.perOrigin,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: IDLE_MS,
    });
    this.#fresh = new Agent({ ...common, pipelining: 0 });
  }

  /** Sends one request; never rejects. */
  async send(request: TargetRequest): Promise<Answer> {
    const first = await this.#attempt(this.#agent, request);
    if (first.kind !== "failed" || first.error !== "stale") return first;
    const second = await this.#attempt(this.#fresh, request);
    return second.kind === "failed" && second.error === "stale" ? { ...second, error: "reset" } : second;
  }

  /** Gives everything up that is under way: it ends as `shutdown`. */
  abort(): void {
    for (const attempt of this.#underWay) attempt.end("shutdown", "the gateway stops");
  }

  async close(): Promise<void> {
    await Promise.all([this.#agent.destroy(), this.#fresh.destroy()]);
  }

  #attempt(agent: Agent, request: TargetRequest): Promise<Answer> {
    return new Promise((resolve) => {
      const attempt = new Attempt(this.#options.timeoutMs, this.#births, (answer) => {
        this.#underWay.delete(attempt);
        resolve(answer);
      });
      this.#underWay.add(attempt);
      const { url, method, headers, body } = request;
      try {
        agent.dispatch(
          { origin: url.origin, path: url.pathname + url.search, method, headers: headers as string[], body },
          attempt,
        );
      } catch (error) {
        attempt.onResponseError(null, error as Error);
      }
    });
  }
}

/** One request under way, as undici's dispatcher tells of it. */
class Attempt implements Dispatcher.DispatchHandler {
  readonly #settle: (answer: Answer) => void;
  readonly #births: Births;
  readonly #startedMs = performance.now();
  readonly #timer: NodeJS.Timeout;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | null = null;
  #bytes = 0;
  #status = 0;
  #headers: AnswerHeaders = NONE;
  #isSettled = false;

  constructor(timeoutMs: number, births: Births, settle: (answer: Answer) => void) {
    this.#settle = settle;
    this.#births = births;
    this.#timer = setTimeout(() => this.end("timeout", "no whole answer in time"), timeoutMs);
  }

  end(error: ErrorClass, reason: string): void {
    if (this.#finish({ kind: "failed", error, reason })) this.#controller?.abort(new Error(reason));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isSettled) controller.abort(new Error("given up"));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = readOf(headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#bytes < KEPT_BYTES) this.#chunks.push(chunk.subarray(0, KEPT_BYTES - this.#bytes));
    this.#bytes += chunk.length;
    if (this.#bytes <= READ_BYTES) return;
    // The status is what counts; whoever says so much more is cut off.
    this.#finishAnswered();
    controller.abort(new Error("enough was read"));
  }

  onResponseEnd(): void {
    this.#finishAnswered();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    const found = errorClassOf(error);
    const isStale = found === "reset" && this.#status === 0 && this.#births.isOlder(error, this.#startedMs);
    this.#finish({ kind: "failed", error: isStale ? "stale" : found, reason: error.message });
  }

  #finishAnswered(): void {
    const text = this.#chunks.length === 0 ? "" : Buffer.concat(this.#chunks).toString("utf8");
    this.#finish({ kind: "answered", status: this.#status, headers: this.#headers, text });
  }

  #finish(answer: Answer): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.#settle(answer);
    return true;
  }
}

/** Of a header that is there several times, the first. */
function readOf(headers: Readonly<Record<string, string | string[] | undefined>>): AnswerHeaders {
  let read: Record<string, string> | undefined;
  for (const name of READ_HEADERS) {
    const given = headers[name];
    const value = Array.isArray(given) ? given[0] : given;
    if (value === undefined) continue;
    read ??= {};
    read[name] = value;
  }
  return read ?? NONE;
}
