import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Clock } from "@sluice/core";
import type { ForeignCredentials } from "../asker.ts";

/** What an {@link AppClient} is made with. */
export interface AppClientOptions {
  /** The app's origin: `http://127.0.0.1:3000`, no path. */
  readonly url: string;
  /** Which `Host` it sees: the client's, or its own. */
  readonly host: "keep" | "app";
  readonly method: "GET" | "HEAD";
  /** How long the app may take until the head of its answer, waiting for a connection included. */
  readonly timeoutMs: number;
}

/** The status of the app's answer; or why there is none, for the operator: no credential or path is in it. */
export type AppAnswer = { readonly status: number } | { readonly failure: string };

/** How many questions the app gets at once: clients that all come back together must leave room for its own users. */
const MAX_CONNECTIONS = 32;
/** Below the 5 s of Node's servers, which is the shortest that is common; the app's `Keep-Alive` shortens it. */
const IDLE_MS = 4_000;
/** How much of a body is read, so that the connection can be used again, and how long. */
const MAX_BODY_BYTES = 65_536;
const MAX_BODY_MS = 2_000;
const MAX_HEADER_BYTES = 65_536;

/**
 * The address that the app is told for all clients: of a network that nobody has (RFC 5737). One answer holds for all
 * who have the same credentials, wherever they are, so an app must not grant by address; and told no address at all it
 * could take the gateway's own for the client's, which is often trusted.
 */
const ADDRESS = "192.0.2.1";
/** What a header's value may hold (RFC 9110 §5.5), as Node writes it: a character is a byte. */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const SITE = /^(https?):\/\/([\w.-]+(?::\d{1,5})?|\[[\da-fA-F:.]+\](?::\d{1,5})?)$/;

/**
 * Asks the app for a status, on connections of its own that are kept. Bodies are thrown away, redirects are not
 * followed.
 *
 * On `node:http`, since that tells whether a connection was used before: one that the app closes in the moment in which
 * a question is put shows nothing of the app, and the question is put once more on a new one. Anything else that breaks
 * is its failure.
 */
export class AppClient {
  readonly #options: AppClientOptions;
  readonly #url: URL;
  readonly #clock: Clock;
  readonly #agent: HttpAgent;
  /** One for each question that is under way. */
  readonly #deadlines = new Set<AbortController>();

  constructor(options: AppClientOptions, clock: Clock) {
    this.#options = options;
    this.#url = new URL(options.url);
    this.#clock = clock;
    const agent = { keepAlive: true, timeout: IDLE_MS, maxSockets: MAX_CONNECTIONS, scheduling: "lifo" as const };
    this.#agent = this.#isTls ? new HttpsAgent(agent) : new HttpAgent(agent);
  }

  /** Whether no question is under way. */
  get isIdle(): boolean {
    return this.#deadlines.size === 0;
  }

  /** What of the site the app is told. */
  toldSite(site: string | undefined): string {
    const [, scheme = "", host = ""] = SITE.exec(site ?? "") ?? [];
    return this.#options.host === "keep" ? `${scheme}://${host}` : scheme;
  }

  /** Whether these credentials can be sent at all. */
  static canSend({ authorization = "", cookie = "" }: ForeignCredentials): boolean {
    return FIELD_VALUE.test(authorization) && FIELD_VALUE.test(cookie);
  }

  /** Puts a question. Never rejects. */
  ask(path: string, credentials: ForeignCredentials): Promise<AppAnswer> {
    return new Promise((resolve) => {
      const deadline = new AbortController();
      this.#deadlines.add(deadline);
      const { timeoutMs } = this.#options;
      const cancel = this.#clock.after(timeoutMs, () => deadline.abort());
      const settle = (answer: AppAnswer): void => {
        cancel();
        this.#deadlines.delete(deadline);
        resolve(deadline.signal.aborted ? { failure: `no answer in ${timeoutMs} ms` } : answer);
      };
      this.#send({ path, headers: this.#headers(credentials), signal: deadline.signal, settle, isLast: false });
    });
  }

  /** Gives up all questions, and ends all connections. */
  close(): void {
    // An agent that is destroyed still sends what waits for a connection.
    for (const deadline of this.#deadlines) deadline.abort();
    this.#agent.destroy();
  }

  get #isTls(): boolean {
    return this.#url.protocol === "https:";
  }

  #send(attempt: Attempt): void {
    const { path, headers, signal, settle, isLast } = attempt;
    const request = this.#request(path, headers, isLast);
    const abort = (): void => void request.destroy(new Error("too late"));
    signal.addEventListener("abort", abort, { once: true });
    let isSettled = false;
    const end = (answer: AppAnswer): void => {
      if (isSettled) return;
      isSettled = true;
      signal.removeEventListener("abort", abort);
      const canRepeat = "failure" in answer && request.reusedSocket && !isLast && !signal.aborted;
      if (canRepeat) this.#send({ ...attempt, isLast: true });
      else settle(answer);
    };
    request.on("response", (response) => {
      end({ status: response.statusCode ?? 0 });
      this.#discard(response);
    });
    request.on("error", (error) => end({ failure: reasonOf(error) }));
    // Also after a switch of protocols that nobody asked for.
    request.on("close", () => end({ failure: "it broke off" }));
    request.end();
  }

  #request(path: string, headers: readonly string[], isAlone: boolean): ClientRequest {
    return (this.#isTls ? httpsRequest : httpRequest)({
      hostname: this.#url.hostname.replace(/^\[|\]$/g, ""),
      port: this.#url.port === "" ? (this.#isTls ? 443 : 80) : Number(this.#url.port),
      method: this.#options.method,
      path,
      headers,
      agent: isAlone ? false : this.#agent,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
  }

  #headers({ authorization, cookie, site }: ForeignCredentials): string[] {
    const [, scheme, host] = SITE.exec(site ?? "") ?? [];
    const isKept = this.#options.host === "keep" && host !== undefined;
    const headers = ["Host", isKept ? host : this.#url.host, "Accept", "*/*", "User-Agent", "sluice"];
    headers.push("X-Forwarded-For", ADDRESS);
    if (scheme !== undefined) headers.push("X-Forwarded-Proto", scheme);
    // So that an app which wants to can tell, and save itself the body.
    headers.push("Sluice-Access", "check");
    if (authorization !== undefined) headers.push("Authorization", authorization);
    if (cookie !== undefined) headers.push("Cookie", cookie);
    return headers;
  }

  #discard(response: IncomingMessage): void {
    let bytes = 0;
    const cancel = this.#clock.after(MAX_BODY_MS, () => void response.destroy());
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) response.destroy();
    });
    response.on("error", () => undefined);
    response.on("close", cancel);
  }
}

/** A question on its way. */
interface Attempt {
  readonly path: string;
  readonly headers: readonly string[];
  readonly signal: AbortSignal;
  readonly settle: (answer: AppAnswer) => void;
  readonly isLast: boolean;
}

function reasonOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
