import type { Access, CloseReason, Filter, Transport, TransportContext } from "@sluice/core";
import { interestIn, parseFilter, SluiceError } from "@sluice/core";
import type { CorsRules } from "@sluice/http";
import { checkOrigin, registerCors } from "@sluice/http";
import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import { restDoor, type HookCaller } from "./door/door-rest.ts";
import { Engine } from "./engine/engine.ts";
import type { HookFigures, HookGauges } from "./engine/hook-figures.ts";
import { HookStore } from "./store/hook-store.ts";
import { Hooks } from "./hooks/hooks.ts";
import { Payloads } from "./hooks/payload.ts";
import { SenderLink } from "./sending/sender-link.ts";
import { TargetGuard, type AllowedRange, type Resolve } from "./sending/target-guard.ts";

/** Options of {@link restHooks}. */
export interface RestHooksOptions {
  /** The waits before attempt 1, 2, …: 1 to 20 of them. */
  readonly scheduleMs: readonly number[];
  /** For a whole attempt. */
  readonly timeoutMs: number;
  /** Whether targets may be plain http. */
  readonly canUseHttp: boolean;
  /** Forbidden addresses that may be reached. */
  readonly allow: readonly AllowedRange[];
  /** Owners whose hooks need no handshake; `*`: everybody. */
  readonly trusted: readonly string[];
  /**
   * Whether who is on this machine may register hooks without credentials, where everybody may read everything; default
   * `false`.
   */
  readonly canBeAnonymous?: boolean | undefined;
  /** Attempts under way, in all. */
  readonly concurrency: number;
  /** The same to one scheme, host and port at the most. */
  readonly perOrigin: number;
  /** Whether a receiver is told by `DELETE` when the gateway ends its hook. */
  readonly hasReverseUnsubscribe: boolean;
  /** File of the hooks; `null`: in memory. */
  readonly path: string | null;
  /** CloudEvents' `source`. */
  readonly source: string;
  /** Prefix of the gateway's own public paths. */
  readonly prefix: string;
  /** Ports that the gateway listens on: no target may be there. */
  readonly ownPorts: () => readonly number[];
  /** Base of the public listener, for hooks that are made elsewhere. */
  readonly publicUrl: () => string;
  /** Certificates trusted beside the system's; PEM. */
  readonly ca?: string | undefined;
  /** Default: the system's resolver. */
  readonly resolve?: Resolve | undefined;
  /** Hooks of one owner; default 1000. */
  readonly perOwner?: number | undefined;
}

/** REST Hooks as the composition sees them. Front doors to the same hooks are added beside {@link RestHooks.publicDoor}. */
export interface RestHooks extends Transport {
  readonly figures: HookFigures;
  gauges(): HookGauges;
  /** Age of the oldest event that a hook has still to be sent, by its own time; 0 if there is none. */
  oldestAgeSeconds(): Promise<number>;
  /** The routes of the public listener: `PREFIX/hooks` and `PREFIX/hook-events`, for owners with a `hooks` grant. */
  publicDoor(options: { readonly access: Access; readonly cors: () => CorsRules }): FastifyPluginAsync;
  /** The same routes for the operator, without a prefix; who may come there is the listener's affair. */
  adminDoor(): FastifyPluginAsync;
}

const PER_OWNER = 1000;
const EVERY_TOPIC: readonly Filter[] = [parseFilter("**")];
const EVERYTHING: readonly Filter[] = [...EVERY_TOPIC, parseFilter("$sys/**")];
const ANYTHING = interestIn(EVERY_TOPIC);
const LOOPBACK = /^(?:127\.|::1$|::ffff:127\.)/;
const LOOPBACK_NAME = /^(?:(?:[a-z\d-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;
/** Owner of hooks that are registered without credentials. */
const ANONYMOUS = "anonymous";

/** Events as signed `POST` requests to registered URLs. */
export function restHooks(options: RestHooksOptions): RestHooks {
  return new RestHooksTransport(options);
}

interface Running {
  readonly context: TransportContext;
  readonly store: HookStore;
  readonly sender: SenderLink;
  readonly engine: Engine;
  readonly hooks: Hooks;
}

class RestHooksTransport implements RestHooks {
  readonly name = "rest-hooks";
  readonly #options: RestHooksOptions;
  readonly #payloads: Payloads;
  #running: Running | null = null;
  #ending: Promise<void> | null = null;

  constructor(options: RestHooksOptions) {
    this.#options = options;
    this.#payloads = new Payloads(options.source);
  }

  get figures(): HookFigures {
    return this.#started().engine.figures;
  }

  /** @throws {StoreOpenError} */
  async start(context: TransportContext): Promise<void> {
    const { bus, clock, logger, meter } = context;
    const { canUseHttp, allow, ownPorts, resolve, timeoutMs, perOrigin, ca, concurrency, scheduleMs } = this.#options;
    const reach = { canUseHttp, allow, ownPorts, resolve };
    const guard = new TargetGuard(reach);
    const sender = new SenderLink({ ...reach, timeoutMs, perOrigin, ca, clock, logger });
    const store = new HookStore({ path: this.#options.path, clock, logger });
    const hooks = new Hooks({
      bus,
      clock,
      logger,
      store,
      sender,
      guard,
      hasReverseUnsubscribe: this.#options.hasReverseUnsubscribe,
      perOwner: this.#options.perOwner ?? PER_OWNER,
    });
    const engine = new Engine({
      bus,
      clock,
      logger,
      meter,
      store,
      sender,
      scheduleMs,
      concurrency,
      perOrigin,
      payloads: this.#payloads,
      events: hooks.life,
      prefix: this.#options.prefix,
    });
    this.#running = { context, store, sender, engine, hooks };
    try {
      await Promise.all([sender.begun(), hooks.open(engine)]);
    } catch (error) {
      this.#running = null;
      await Promise.all([sender.close(), store.close()]);
      throw error;
    }
  }

  /** Begins no delivery any more, lets those under way finish until the deadline, and closes the store. */
  drain(_reason: CloseReason, _spreadMs: number, deadline: AbortSignal): Promise<void> {
    if (this.#running === null) return Promise.resolve();
    // Whoever is in a hurry ends the wait of who is not.
    if (deadline.aborted) this.#running.sender.abort();
    this.#ending ??= this.#end(this.#running, deadline);
    return this.#ending;
  }

  gauges(): HookGauges {
    const { hooks, engine, context } = this.#started();
    let held = 0;
    for (const { flow } of hooks.live()) held += flow?.heldLanes ?? 0;
    return {
      hooks: hooks.counts(),
      inFlight: engine.inFlight,
      retriesInFlight: engine.retriesInFlight,
      held,
      backlog: context.bus.head - this.#furthest(),
    };
  }

  async oldestAgeSeconds(): Promise<number> {
    const { bus, clock } = this.#started().context;
    const after = this.#furthest();
    if (after >= bus.head) return 0;
    const { events } = await bus.read(ANYTHING, { cursor: bus.cursorAt(after) }, 1);
    const atMs = Date.parse(events[0]?.time ?? "");
    return Number.isNaN(atMs) ? 0 : Math.max(0, (clock.now() - atMs) / 1000);
  }

  /** Position of the hook that is furthest behind; a hook that waits for events is at the head. */
  #furthest(): number {
    const { hooks, context } = this.#started();
    let furthest = context.bus.head;
    for (const { flow } of hooks.live()) {
      if (flow === null || (flow.isOpen && flow.waiting === 0)) continue;
      furthest = Math.min(furthest, context.bus.resolve({ cursor: flow.cursor }).after);
    }
    return furthest;
  }

  publicDoor({ access, cors }: { readonly access: Access; readonly cors: () => CorsRules }): FastifyPluginAsync {
    const identify = async (request: FastifyRequest): Promise<HookCaller> => {
      const { access_token: token } = request.query as Readonly<Record<string, unknown>>;
      const { authorization, cookie } = request.headers;
      const accessToken = typeof token === "string" ? token : undefined;
      const principal = await access.identify({ authorization, cookie, accessToken });
      const { subject, grants, hasCredentials } = principal;
      const isAnonymous = !hasCredentials && this.#options.canBeAnonymous === true && isFromHere(request);
      // What comes without a token may come from any page that somebody has open.
      if (principal.isByCookie || isAnonymous) checkOrigin(request, cors());
      if (isAnonymous) {
        await access.check(principal, "read", EVERY_TOPIC);
        return { owner: ANONYMOUS, topics: EVERY_TOPIC, isTrusted: this.#isTrusted(ANONYMOUS) };
      }
      if (!hasCredentials) throw new SluiceError("unauthorized", "A token with a hooks grant is needed.");
      if (grants.hooks.length === 0) throw new SluiceError("forbidden", "These credentials grant no hooks.");
      if (subject === null)
        throw new SluiceError("forbidden", "The token names nobody (sub) whose hooks they could be.");
      return { owner: subject, topics: grants.hooks, isTrusted: this.#isTrusted(subject) };
    };
    const door = restDoor({ ...this.#doorOptions(), prefix: this.#options.prefix, publicUrl: () => null, identify });
    return async (fastify) => {
      registerCors(fastify, cors);
      await fastify.register(door);
    };
  }

  adminDoor(): FastifyPluginAsync {
    const operator: HookCaller = { owner: null, topics: EVERYTHING, isTrusted: true };
    return restDoor({
      ...this.#doorOptions(),
      prefix: "",
      publicUrl: this.#options.publicUrl,
      identify: () => Promise.resolve(operator),
    });
  }

  #doorOptions(): Pick<
    Parameters<typeof restDoor>[0],
    "publicPrefix" | "hooks" | "bus" | "clock" | "meter" | "payloads"
  > {
    const { hooks, context } = this.#started();
    const { bus, clock, meter } = context;
    return { publicPrefix: this.#options.prefix, hooks, bus, clock, meter, payloads: this.#payloads };
  }

  #isTrusted(owner: string): boolean {
    const { trusted } = this.#options;
    return trusted.includes("*") || trusted.includes(owner);
  }

  #started(): Running {
    if (this.#running === null) throw new Error("rest-hooks was asked before it was started");
    return this.#running;
  }

  async #end({ hooks, engine, sender, store }: Running, deadline: AbortSignal): Promise<void> {
    hooks.close();
    for (const { flow } of hooks.live()) flow?.catchCursorUp();
    await engine.stop(deadline);
    await store.close();
    await sender.close();
  }
}

/**
 * Whether a request comes from this machine, and asks for it by a name that means it everywhere: under any other a page
 * from elsewhere may have had its own name resolved to here (DNS rebinding).
 */
function isFromHere({ ip, headers }: FastifyRequest): boolean {
  const url = `http://${headers.host ?? ""}`;
  return LOOPBACK.test(ip) && URL.canParse(url) && LOOPBACK_NAME.test(new URL(url).hostname);
}
