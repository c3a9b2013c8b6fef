import type { IncomingMessage } from "node:http";
import { parseFilter, SluiceError } from "@sluice/core";
import {
  acceptsEventStream,
  headerOf,
  isWebSocketUpgrade,
  parametersOfResource,
  preferredWait,
  resourceRoute,
  type ReadParameters,
} from "@sluice/http";
import type { FastifyRequest } from "fastify";
import { cursorOfTag } from "./resource-view.ts";

/** A request for a resource's own URL that the gateway answers. */
interface Watched {
  readonly topic: string;
  /** The URL as the client knows it. */
  readonly url: string;
}

/**
 * Requests for resources' own URLs that the gateway's transports answer, on their way through Fastify: they go by the
 * URL of a route of the gateway's, and what they were about is kept here.
 */
export class WatchedRequests {
  readonly #route: string;
  readonly #requests = new WeakMap<IncomingMessage, Watched>();

  constructor(prefix: string) {
    this.#route = resourceRoute(prefix);
  }

  /** Gives the request the URL of the route that answers it. */
  add(request: IncomingMessage, watched: Watched): void {
    this.#requests.set(request, watched);
    request.url = this.#route;
  }

  /**
   * What the client asks for. The query of a resource's own URL is the app's; its headers speak to the gateway. An
   * entity tag that the gateway gave for the representation stands for the cursor in it.
   * @throws {SluiceError} `not-found` for a client that knows the route's URL, `invalid-cursor`
   */
  readonly parameters = (request: FastifyRequest): ReadParameters => {
    const watched = this.#requests.get(request.raw);
    if (watched === undefined) throw new SluiceError("not-found", "There is nothing at this address.");
    const cursor = cursorOfTag(request.headers["if-none-match"]);
    const headers = cursor === null ? request.headers : { ...request.headers, "if-none-match": `"${cursor}"` };
    // The same request again, with what it got in If-None-Match or Last-Event-ID, goes on there.
    const url = watched.url.replaceAll(/[<>"]/g, encodeURIComponent);
    return parametersOfResource([parseFilter(watched.topic)], headers, () => url);
  };
}

/** Whether a GET of a resource is for its changes and not for itself. */
export function isWatching(request: IncomingMessage): boolean {
  const { headers } = request;
  return (
    acceptsEventStream(headers.accept) ||
    isWebSocketUpgrade(request) ||
    preferredWait(headerOf(headers, "prefer")) !== null
  );
}
