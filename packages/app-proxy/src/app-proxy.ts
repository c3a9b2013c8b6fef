import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import {
  systemClock,
  traceParentOf,
  type Bus,
  type Clock,
  type CloseReason,
  type Logger,
  type Meter,
} from "@sluice/core";
import { toFault, type ReadParameters, type Seats, type TakeSnapshot } from "@sluice/http";
import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import fastifyPlugin from "fastify-plugin";
import { App, type AppOptions } from "./forwarding/app.ts";
import { ChangeCapture, type ChangeContext } from "./changes/change-capture.ts";
import type { Escort } from "./forwarding/escort.ts";
import { Exchange, type ExchangeContext } from "./forwarding/exchange.ts";
import { checkUpgrade, FrontDoor, responseOn } from "./front-door.ts";
import { Peers } from "./forwarding/peers.ts";
import { refuse } from "./forwarding/refusal.ts";
import { RepresentationTags } from "./resources/representation-tag.ts";
import { requestHeaders, type ForwardingRules } from "./forwarding/request-headers.ts";
import type { ChangeMethod, ResourceMatch } from "./resources/resource-rule.ts";
import type { ResourceTable } from "./resources/resource-table.ts";
import { freshTag, monitorLink, ResourceView, restoreAppTags, type ViewContext } from "./resources/resource-view.ts";
import { Snapshots } from "./resources/snapshots.ts";
import { StandIn } from "./forwarding/stand-in.ts";
import { checkLoop, targetOf, type Target } from "./forwarding/target.ts";
import { Tunnel } from "./forwarding/tunnel.ts";
import { Tunnels } from "./forwarding/tunnels.ts";
import { Underway } from "./forwarding/underway.ts";
import { isWatching, WatchedRequests } from "./resources/watched-requests.ts";

/** Options of {@link createAppProxy}. */
export interface AppProxyOptions {
  readonly app: AppOptions;
  /** Path under which the gateway's own URLs are: `/realtime`. */
  readonly prefix: string;
  /** Further paths that are the gateway's own, whatever the app has there: `/http-bind`. Default: none. */
  readonly ownPaths?: readonly string[];
  /** Paths of documents that the gateway answers to a GET if the app does not: `/.well-known/host-meta`. Default: none. */
  readonly fallbackPaths?: readonly string[];
  /** Addresses of proxies in front, in CIDR notation, whose `Forwarded` and `X-Forwarded-*` are believed. */
  readonly trustProxy: readonly string[];
  /** The resources of now: asked for with every request. */
  readonly rules: () => ResourceTable;
  /** Bytes of one event's data at the most: asked for with every change. */
  readonly eventBytes: () => number;
  /** Told of the connection of each request that does not go to the gateway's own routes. */
  readonly onProxied?: (socket: Socket) => void;
  /** Shared with `publicApi`: a tunnel takes a seat as a reader does. Without it there may be any number. */
  readonly seats?: Seats;
  readonly bus: Bus;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly clock?: Clock;
}

/** The gateway in front of an app. Made by {@link createAppProxy}. */
export interface AppProxy {
  /** For the public listener, beside `publicApi`. */
  readonly plugin: FastifyPluginAsync;
  /** For `publicApi`: reads a request for a resource's own URL. */
  readonly resourceParameters: (request: FastifyRequest) => ReadParameters;
  /** For `publicApi`: takes snapshots of resources. */
  readonly takeSnapshot: TakeSnapshot;
  /** How many connections the app has switched to another protocol. */
  readonly tunnels: number;
  /**
   * Ends tunnels one by one over `spreadMs`, all of them at the deadline, and waits for changes that the app is making,
   * also for clients that have gone. All other requests under way are the server's to wait for.
   */
  drain(reason: CloseReason, spreadMs: number, deadline: AbortSignal): Promise<void>;
}

/**
 * Puts the gateway in front of an app: everything outside of the prefix is proxied, resources can be watched under their
 * own URLs, and what changes them is published.
 */
export function createAppProxy(options: AppProxyOptions): AppProxy {
  return new GatewayInFront(options);
}

/** A request that goes to the app, or would. */
interface Errand {
  readonly request: IncomingMessage;
  readonly target: Target;
  readonly match: ResourceMatch | null;
}

class GatewayInFront implements AppProxy {
  readonly plugin: FastifyPluginAsync;
  readonly resourceParameters: (request: FastifyRequest) => ReadParameters;
  readonly takeSnapshot: TakeSnapshot;
  readonly #options: AppProxyOptions;
  readonly #app: App;
  readonly #forwarding: ForwardingRules;
  readonly #exchanges: ExchangeContext;
  readonly #views: ViewContext;
  readonly #changes: ChangeContext;
  readonly #watched: WatchedRequests;
  readonly #tunnels: Tunnels;
  readonly #underway = new Underway();
  #door: FrontDoor | null = null;
  #isDraining = false;
  #doubtfulThrough = -1;

  constructor(options: AppProxyOptions) {
    const { bus, meter, logger, prefix, clock = systemClock } = options;
    this.#options = options;
    this.#app = new App(options.app);
    this.#forwarding = {
      host: options.app.host === "app" ? this.#app.host : null,
      defaultHost: this.#app.host,
      peers: new Peers(options.trustProxy),
      pseudonym: `sluice-${randomBytes(4).toString("hex")}`,
    };
    this.#exchanges = { app: this.#app, clock, meter, logger, isClosing: () => this.#isDraining };
    this.#changes = {
      bus,
      clock,
      meter,
      logger,
      eventBytes: options.eventBytes,
      underway: this.#underway,
      onLost: () => (this.#doubtfulThrough = bus.head),
    };
    this.#views = { bus, prefix, tags: new RepresentationTags(), doubtfulThrough: () => this.#doubtfulThrough };
    this.#watched = new WatchedRequests(prefix);
    this.#tunnels = new Tunnels(clock, meter);
    this.resourceParameters = this.#watched.parameters;
    const { rules, eventBytes } = options;
    this.takeSnapshot = new Snapshots({
      app: this.#app,
      bus,
      clock,
      forwarding: this.#forwarding,
      rules,
      eventBytes,
    }).take;
    // Not in a scope of its own: it stands before all routes of the server.
    this.plugin = fastifyPlugin(async (fastify) => {
      fastify.addHook("onReady", async () => {
        const onRequest = this.#onRequest.bind(this);
        const onUpgrade = this.#onUpgrade.bind(this);
        const ownPaths = options.ownPaths ?? [];
        this.#door = new FrontDoor(fastify.server, { prefix, ownPaths, clock, onRequest, onUpgrade });
      });
      fastify.addHook("preClose", async () => this.#close());
    });
  }

  get tunnels(): number {
    return this.#tunnels.size;
  }

  async drain(_reason: CloseReason, spreadMs: number, deadline: AbortSignal): Promise<void> {
    this.#isDraining = true;
    await Promise.all([this.#tunnels.drain(spreadMs, deadline), this.#underway.none(deadline)]);
  }

  async #close(): Promise<void> {
    await this.drain({ code: "draining", detail: "", mayReconnect: true }, 0, AbortSignal.abort());
    this.#app.close();
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    try {
      const errand = this.#errandOf(request);
      const { match, target } = errand;
      if (match !== null && request.method === "GET" && isWatching(request)) {
        this.#watched.add(request, { topic: match.topic, url: target.text });
        this.#door?.toGateway(request, response);
        return;
      }
      if (match?.rule.hasPollCache === true && request.headers["if-none-match"] !== undefined && isView(request)) {
        void this.#poll(errand, match, response);
        return;
      }
      this.#exchange(errand, response);
    } catch (error) {
      this.#refuse(request, response, error);
    }
  }

  /** A poll that the gateway may answer itself. */
  async #poll(errand: Errand, match: ResourceMatch, response: ServerResponse): Promise<void> {
    const { request } = errand;
    try {
      const { cursor } = this.#options.bus;
      const tag = await freshTag(this.#views, match, request);
      if (response.destroyed) return;
      if (tag === null) return this.#exchange(errand, response);
      const link = monitorLink(this.#options.prefix, match.topic, cursor);
      if (this.#isDraining) response.shouldKeepAlive = false;
      response.writeHead(304, { etag: tag, link, vary: "Accept, Prefer" }).end();
    } catch (error) {
      this.#refuse(request, response, error);
    }
  }

  #exchange(errand: Errand, response: ServerResponse): void {
    const { request, target, match } = errand;
    const headers = requestHeaders(request, target, this.#forwarding);
    if (match !== null) restoreAppTags(headers);
    const escort = this.#escortOf(errand) ?? this.#standInFor(errand, response);
    new Exchange(this.#exchanges, [request, response], { path: target.text, headers, escort }).start();
  }

  #escortOf({ request, target, match }: Errand): Escort | null {
    if (match === null) return null;
    if (isView(request)) return new ResourceView(this.#views, match, request);
    const method = request.method as ChangeMethod;
    if (!match.rule.changes.includes(method)) return null;
    const [path = ""] = target.text.split("?", 1);
    const traceParent = traceParentOf(request.headers["traceparent"]);
    return new ChangeCapture(this.#changes, match, { method, path, traceParent });
  }

  #standInFor({ request, target }: Errand, response: ServerResponse): Escort | null {
    const [path = ""] = target.text.split("?", 1);
    if (!isView(request) || this.#options.fallbackPaths?.includes(path) !== true) return null;
    return new StandIn(path, () => this.#door?.toGateway(request, response));
  }

  #onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    try {
      const { match, target } = this.#errandOf(request);
      checkUpgrade(request);
      if (match !== null && request.method === "GET") {
        this.#watched.add(request, { topic: match.topic, url: target.text });
        this.#door?.upgradeToGateway(request, socket, head);
        return;
      }
      const seat = this.#options.seats?.take(this.#forwarding.peers.clientOf(request)) ?? null;
      const tunnel = new Tunnel(this.#exchanges, { request, socket, head }, this.#tunnels.left);
      this.#tunnels.add(tunnel, seat);
      tunnel.start(target.text, requestHeaders(request, target, this.#forwarding));
    } catch (error) {
      this.#refuse(request, responseOn(request, socket), error);
    }
  }

  #errandOf(request: IncomingMessage): Errand {
    this.#options.onProxied?.(request.socket);
    const target = targetOf(request);
    checkLoop(request, this.#forwarding.pseudonym);
    return { request, target, match: this.#options.rules().match(target.text) };
  }

  #refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const fault = toFault(error);
    this.#options.meter.refused("app-proxy", fault.code);
    if (fault.code === "internal") this.#options.logger.error({ err: error }, "a proxied request failed");
    // What is refused here may be no request at all: nothing that comes behind it is read as one.
    response.shouldKeepAlive = false;
    refuse(request, response, fault);
  }
}

function isView(request: IncomingMessage): boolean {
  return request.method === "GET" || request.method === "HEAD";
}
