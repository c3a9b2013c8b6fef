import type { CloseReason, StoredEvent, Transport, TransportContext } from "@sluice/core";
import { Database } from "../pubsub/database.ts";
import { ItemCodecs } from "../pubsub/item-codec.ts";
import { PubSubService } from "../pubsub/pubsub.ts";
import { SubscriptionStore } from "../pubsub/subscription-store.ts";
import type { XmppLimits } from "../session/shared.ts";
import { ComponentLink, type LinkFigures } from "./component-link.ts";
import { ComponentService } from "./component-service.ts";
import type { ComponentAddress } from "./component-stream.ts";
import { JidGrants, type JidGrant } from "./jid-grants.ts";
import type { ComponentShared } from "./shared.ts";
import { Subscribers } from "./subscribers.ts";
import { WaitingLine } from "../pubsub/waiting-line.ts";

/** Options of {@link xmppComponent}. */
export interface XmppComponentOptions {
  readonly address: ComponentAddress;
  /** The gateway's own XMPP domain: where the component is of it, its server is asked by that name. */
  readonly domain: string;
  /** What JIDs may do beside reading what is public. */
  readonly grants: readonly JidGrant[];
  /** Filters that everybody may read. The same array until they are others. */
  readonly publicFilters: () => readonly string[];
  readonly limits: () => XmppLimits;
  /** File of subscriptions; `null` keeps them in memory. */
  readonly path: string | null;
  /** URL of an event that is too large for a stanza. */
  readonly linkTo: (event: StoredEvent) => string;
}

/** What a component is like, for operators. */
export interface ComponentFigures extends LinkFigures {
  /** Users with subscriptions, and clients of theirs that are there. */
  readonly users: number;
  readonly devices: number;
}

/** The transport, and what the gateway shows of it. */
export interface XmppComponent extends Transport {
  readonly figures: ComponentFigures;
}

/** So many readers may be replaying at once. */
const AT_ONCE = 16;
/** How long a drain waits for what was handed over to be confirmed: what is not comes again. */
const CONFIRM_MS = 1000;
/** Between two looks at that. */
const ROUND_MS = 20;

const NOT_STARTED: ComponentFigures = {
  state: "connecting",
  detail: null,
  streams: { joined: 0, unreachable: 0, refused: 0, broken: 0 },
  users: 0,
  devices: 0,
};

/**
 * PubSub (XEP-0060) as an external component of the user's own XMPP server (XEP-0114). Its start does not wait for that
 * server: it may come later.
 */
export function xmppComponent(options: XmppComponentOptions): XmppComponent {
  let running: Running | null = null;
  return {
    name: "xmpp",
    get figures(): ComponentFigures {
      return running?.figures ?? NOT_STARTED;
    },
    async start(context: TransportContext): Promise<void> {
      running = new Running(options, context);
    },
    async drain(_reason: CloseReason, _spreadMs: number, deadline: AbortSignal): Promise<void> {
      await running?.stop(deadline);
    },
  };
}

class Running {
  readonly #shared: ComponentShared;
  readonly #subscribers: Subscribers;
  readonly #link: ComponentLink;
  readonly #database: Database;
  #stopping: Promise<void> | null = null;

  constructor(options: XmppComponentOptions, { bus, clock, meter, logger }: TransportContext) {
    const { address, domain, grants, publicFilters, limits, path, linkTo } = options;
    const line: WaitingLine = new WaitingLine(AT_ONCE, () => this.#link.hasRoom);
    this.#link = new ComponentLink(
      address,
      domain,
      { clock, logger },
      {
        joined: () => this.#subscribers.joined(),
        received: (stanza) => service.received(stanza),
        drained: () => line.move(),
        parted: () => this.#subscribers.parted(),
      },
    );
    this.#database = new Database(path, clock, logger);
    this.#shared = {
      bus,
      clock,
      meter,
      logger,
      limits,
      line,
      link: this.#link,
      service: address.domain,
      store: new SubscriptionStore(this.#database, clock),
      codecs: new ItemCodecs(address.domain, linkTo),
      pubsub: new PubSubService({ bus, clock, eventBytes: () => limits().eventBytes, publicFilters, linkTo }),
      grants: new JidGrants(grants, publicFilters),
    };
    this.#subscribers = new Subscribers(this.#shared);
    const service = new ComponentService(this.#shared, this.#subscribers);
    this.#link.connect();
  }

  get figures(): ComponentFigures {
    return { ...this.#link.figures, users: this.#subscribers.size, devices: this.#subscribers.devices.length };
  }

  stop(deadline: AbortSignal): Promise<void> {
    this.#stopping ??= this.#stop(deadline);
    return this.#stopping;
  }

  async #stop(deadline: AbortSignal): Promise<void> {
    this.#subscribers.rest();
    if (!deadline.aborted) await this.#confirmed(deadline);
    await this.#link.leave();
    this.#database.close();
  }

  /** Resolves when all devices have confirmed what they were sent, or have had their time. */
  #confirmed(deadline: AbortSignal): Promise<void> {
    const { clock } = this.#shared;
    const { promise, resolve } = Promise.withResolvers<void>();
    const untilMs = clock.monotonic() + CONFIRM_MS;
    const stop = clock.every(ROUND_MS, () => {
      const isOwed = this.#subscribers.devices.some(({ ledger }) => ledger.isOwed);
      if (!isOwed || deadline.aborted || clock.monotonic() >= untilMs) resolve();
    });
    return promise.finally(stop);
  }
}
