import {
  HeartbeatWheel,
  type Access,
  type CloseReason,
  type Clock,
  type StoredEvent,
  type Transport,
  type TransportContext,
} from "@sluice/core";
import type { Seats } from "@sluice/http";
import type { FastifyInstance } from "fastify";
import { registerBosh } from "./bosh/bosh-route.ts";
import { registerHostMeta } from "./discovery/host-meta.ts";
import { Database } from "./pubsub/database.ts";
import { ItemCodecs } from "./pubsub/item-codec.ts";
import { Login, type XmppAccount } from "./login/login.ts";
import { PubSubService } from "./pubsub/pubsub.ts";
import { CutStreams } from "./session/cut-streams.ts";
import { Scratch } from "./session/scratch.ts";
import { Sessions } from "./session/sessions.ts";
import type { Session } from "./session/session.ts";
import type { Shared, XmppLimits } from "./session/shared.ts";
import { SubscriptionStore } from "./pubsub/subscription-store.ts";
import { TcpListener, type XmppTcpOptions } from "./tcp/tcp-listener.ts";
import { registerWebSocket } from "./websocket/websocket-route.ts";

/** Options of {@link xmpp}. */
export interface XmppOptions {
  /** What clients log in to; the PubSub service is `pubsub.` and this. */
  readonly domain: string;
  /** `null`: not by TCP. */
  readonly tcp: XmppTcpOptions | null;
  /** Path of the WebSocket, to be registered by {@link XmppTransport.register}; `null`: not by WebSocket. */
  readonly websocketPath: string | null;
  /** Paths of BOSH; none: it is off. The first is the one that clients are told of. */
  readonly boshPaths: readonly string[];
  readonly accounts: readonly XmppAccount[];
  readonly access: Access;
  /** Filters that everybody may read: with any, ANONYMOUS is offered. Asked for anew each time. */
  readonly publicFilters: () => readonly string[];
  readonly limits: () => XmppLimits;
  /** Shared with others that hold connections. */
  readonly seats: Seats;
  /** File of subscriptions and of streams that were cut; `null` keeps them in memory. */
  readonly path: string | null;
  /** URL of an event that is too large for a stanza. */
  readonly linkTo: (event: StoredEvent) => string;
  /** A client that nothing was heard of for so long is asked. Default: a minute. */
  readonly idleMs?: number;
  /** How long a stream that was cut can be resumed; after that a login does it. Default: a day, as the log keeps events. */
  readonly hibernateMs?: number;
}

/** The transport, and what the gateway has to know of it beside. */
export interface XmppTransport extends Transport {
  /**
   * Registers WebSocket and BOSH as far as they are on, and host-meta if one of them is. To be called in the scope of the
   * other transports.
   */
  register(fastify: FastifyInstance): Promise<void>;
  /** The TCP ports, in the order `listen`, `directTls`; empty before the start. */
  readonly ports: readonly number[];
}

const IDLE_MS = 60_000;
const HIBERNATE_MS = 86_400_000;
/** Between two rounds of a drain. */
const ROUND_MS = 20;

/** XMPP (RFC 6120, RFC 7395): one PubSub service (XEP-0060) whose nodes are topics and filters. */
export function xmpp(options: XmppOptions): XmppTransport {
  return new Xmpp(options);
}

class Xmpp implements XmppTransport {
  readonly name = "xmpp";
  readonly #options: XmppOptions;
  readonly #listener: TcpListener | null;
  #shared: Shared | null = null;
  #database: Database | null = null;

  constructor(options: XmppOptions) {
    this.#options = options;
    this.#listener = options.tcp === null ? null : new TcpListener(options.tcp, options.seats);
  }

  get ports(): readonly number[] {
    return this.#shared === null ? [] : (this.#listener?.ports ?? []);
  }

  async register(fastify: FastifyInstance): Promise<void> {
    const { websocketPath, boshPaths, seats } = this.#options;
    const [boshPath = null] = boshPaths;
    if (boshPath !== null || websocketPath !== null) await registerHostMeta(fastify, { boshPath, websocketPath });
    if (boshPath !== null) await registerBosh(fastify, { paths: boshPaths, seats, shared: () => this.#shared });
    if (websocketPath === null) return;
    await registerWebSocket(fastify, { path: websocketPath, seats, shared: () => this.#shared });
    // Node's server waits for upgraded sockets too before it has closed.
    fastify.addHook("preClose", (done) => {
      this.#terminate();
      done();
    });
  }

  async start(context: TransportContext): Promise<void> {
    const { domain, access, accounts, publicFilters, limits, path, linkTo } = this.#options;
    const { bus, clock, logger } = context;
    const database = new Database(path, clock, logger);
    this.#database = database;
    const service = `pubsub.${domain.toLowerCase()}`;
    const eventBytes = (): number => limits().eventBytes;
    this.#shared = {
      ...context,
      access,
      wheel: new HeartbeatWheel(clock),
      login: new Login(access, accounts, () => publicFilters().length > 0),
      store: new SubscriptionStore(database, clock),
      codecs: new ItemCodecs(service, linkTo),
      scratch: new Scratch(),
      sessions: new Sessions(),
      cutStreams: new CutStreams(database, clock),
      pubsub: new PubSubService({ bus, clock, eventBytes, publicFilters, linkTo }),
      domain: domain.toLowerCase(),
      service,
      limits,
      idleMs: this.#options.idleMs ?? IDLE_MS,
      hibernateMs: this.#options.hibernateMs ?? HIBERNATE_MS,
    };
    await this.#listener?.open(this.#shared);
  }

  async drain(reason: CloseReason, spreadMs: number, deadline: AbortSignal): Promise<void> {
    if (this.#shared === null) return;
    const { sessions, clock, wheel } = this.#shared;
    this.#listener?.close();
    const cut = (): void => this.#terminate();
    deadline.addEventListener("abort", cut);
    const emptied = sessions.emptied();
    const stop = leaveEvenly([...sessions.all], reason, spreadMs, clock);
    if (deadline.aborted) cut();
    await emptied;
    stop();
    deadline.removeEventListener("abort", cut);
    wheel.close();
    this.#database?.close();
  }

  #terminate(): void {
    for (const session of this.#shared?.sessions.all ?? []) session.destroy();
  }
}

/** Those who come at the same time would come back at the same time too. The answer stops it. */
function leaveEvenly(waiting: Session[], reason: CloseReason, spreadMs: number, clock: Clock): () => void {
  const startedAtMs = clock.monotonic();
  const count = waiting.length;
  const round = (): void => {
    const share = spreadMs <= 0 ? 1 : Math.min(1, (clock.monotonic() - startedAtMs) / spreadMs);
    const due = Math.max(1, Math.floor(share * count));
    while (waiting.length > 0 && count - waiting.length < due) waiting.pop()?.close(reason);
    if (waiting.length === 0) stop();
  };
  const stop = clock.every(ROUND_MS, round);
  round();
  return stop;
}
