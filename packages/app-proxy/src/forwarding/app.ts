import { request as httpRequest, type Agent as HttpAgent, type ClientRequest, type RequestOptions } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { AppAgent } from "./app-socket.ts";
import type { HeaderList } from "./header-list.ts";

/** The app behind the gateway. */
export interface AppOptions {
  /** Its origin: `http://127.0.0.1:3000`, no path. */
  readonly url: string;
  /** How long it may take until the head of its answer. */
  readonly timeoutMs: number;
  /** Which `Host` it sees: the client's, or its own. */
  readonly host: "keep" | "app";
}

/** A request for the app. */
export interface Ask {
  readonly method: string;
  readonly path: string;
  readonly headers: HeaderList;
  /** On a connection of its own: `half-open` if each side may end its half before the other does. */
  readonly alone?: "whole" | "half-open";
}

/**
 * How long an idle connection is kept for requests that can be repeated if the app has closed it in that very moment.
 * Below the 5 s of Node's servers, which is the shortest that is common; a `Keep-Alive: timeout` of the app shortens it.
 */
const IDLE_MS = 4000;
/** The same for requests that can't be repeated. */
const IDLE_FOR_CHANGES_MS = 1000;
const MAX_IDLE_CONNECTIONS = 256;
/** Bytes of an answer's head; generous, since what an app sends is the operator's own. */
const MAX_HEADER_BYTES = 128 * 1024;
const SAFE_TO_REPEAT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/** Whether a request of this method that failed on an old connection may be sent again (RFC 9110 §9.2.2). */
export function isSafeToRepeat(method: string): boolean {
  return SAFE_TO_REPEAT.has(method);
}

/** Connections to the app, kept alive, and requests on them. */
export class App {
  readonly options: AppOptions;
  /** `Host` of the app itself. */
  readonly host: string;
  readonly #url: URL;
  readonly #agent: HttpAgent;
  readonly #agentForChanges: HttpAgent;

  constructor(options: AppOptions) {
    this.options = options;
    this.#url = new URL(options.url);
    this.host = this.#url.host;
    this.#agent = this.#createAgent(IDLE_MS);
    this.#agentForChanges = this.#createAgent(IDLE_FOR_CHANGES_MS);
  }

  /** Sends the head of a request, as soon as its body begins or ends. */
  send({ method, path, headers, alone }: Ask): ClientRequest {
    const isTls = this.#url.protocol === "https:";
    const agent = isSafeToRepeat(method) ? this.#agent : this.#agentForChanges;
    const options: RequestOptions & { readonly allowHalfOpen: boolean } = {
      hostname: this.#url.hostname.replace(/^\[|\]$/g, ""),
      port: this.#url.port === "" ? (isTls ? 443 : 80) : Number(this.#url.port),
      method,
      path,
      // Flat, as on the wire: Node takes it as it is, and adds nothing but Connection.
      headers,
      agent: alone === undefined ? agent : this.#createAgent(0),
      maxHeaderSize: MAX_HEADER_BYTES,
      // Never for those that are kept: one whose end was not noticed would be used again.
      allowHalfOpen: alone === "half-open",
      // Answers with two lengths, or with bare line ends, are refused.
      insecureHTTPParser: false,
    };
    const request = isTls ? httpsRequest(options) : httpRequest(options);
    request.maxHeadersCount = 0;
    return request;
  }

  /** Ends all connections, also those in use. */
  close(): void {
    this.#agent.destroy();
    this.#agentForChanges.destroy();
  }

  /** @param idleMs 0: for one request */
  #createAgent(idleMs: number): HttpAgent {
    const options = {
      keepAlive: idleMs > 0,
      timeout: idleMs,
      maxFreeSockets: MAX_IDLE_CONNECTIONS,
      scheduling: "lifo" as const,
    };
    return this.#url.protocol === "https:" ? new HttpsAgent(options) : new AppAgent(options);
  }
}
