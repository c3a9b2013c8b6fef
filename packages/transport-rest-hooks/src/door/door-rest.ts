import {
  isGranted,
  parseCursor,
  parseFilter,
  SluiceError,
  type Bus,
  type Clock,
  type Filter,
  type Meter,
} from "@sluice/core";
import { HttpFault, refuseOtherMethods, toFault } from "@sluice/http";
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import { eventTypes, samplesOf } from "../hooks/catalogue.ts";
import type { HookFormat } from "../hooks/hook.ts";
import { fromOf, pageOf, parameter, secretOf, startOf } from "./hook-query.ts";
import { invalid, parseHookRequest, parseObject, type HookRequest } from "./hook-request.ts";
import { attemptView, deadView, hookView } from "./hook-view.ts";
import type { HookDraft, Hooks } from "../hooks/hooks.ts";
import type { LiveHook } from "../hooks/live-hook.ts";
import { missedOf } from "./missed.ts";
import type { Payloads } from "../hooks/payload.ts";

/** Who stands at the door. */
export interface HookCaller {
  /** Whose hooks they are; `null`: the operator, who sees all. */
  readonly owner: string | null;
  /** Topics that hooks may be registered on. */
  readonly topics: readonly Filter[];
  /** Whether the caller's targets need no handshake. */
  readonly isTrusted: boolean;
}

/** Options of {@link restDoor}. */
export interface RestDoorOptions {
  /** Path before `/hooks` and `/hook-events`. */
  readonly prefix: string;
  /** Prefix of the public listener's own paths, for the URLs in `thin` samples. */
  readonly publicPrefix: string;
  /** Base of the public listener, for hooks that were registered elsewhere; `null`: as the request names it. */
  readonly publicUrl: () => string | null;
  readonly hooks: Hooks;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly payloads: Payloads;
  /** Who asks. @throws {SluiceError} `unauthorized`, `forbidden` */
  readonly identify: (request: FastifyRequest) => Promise<HookCaller>;
}

const BODY_BYTES = 64 * 1024;
/** Owner of hooks that the operator makes. */
const OPERATOR = "operator";
const ACTIONS = ["activate", "pause", "resume", "test", "rotate-secret", "replay", "retry"] as const;
const SAMPLE_FORMATS: readonly HookFormat[] = ["standard", "resthooks", "cloudevents-structured", "raw", "thin"];

type Handler = (request: FastifyRequest, reply: FastifyReply, caller: HookCaller) => Promise<FastifyReply>;
type Action = (typeof ACTIONS)[number];

/** The REST Hooks front door (https://resthooks.org): hooks as a resource, under `PREFIX/hooks`. */
export function restDoor(options: RestDoorOptions): FastifyPluginAsync {
  return async (fastify) => {
    // The body is text: an empty one is as good as none, whatever its type is said to be.
    fastify.removeAllContentTypeParsers();
    fastify.addContentTypeParser("*", { parseAs: "string", bodyLimit: BODY_BYTES }, (_request, body, done) =>
      done(null, body),
    );
    new RestDoor(options).register(fastify);
  };
}

class RestDoor {
  readonly #options: RestDoorOptions;

  constructor(options: RestDoorOptions) {
    this.#options = options;
  }

  register(fastify: FastifyInstance): void {
    const { prefix } = this.#options;
    const route = (methods: Readonly<Record<string, Handler>>, path: string): void => {
      const allowed = Object.keys(methods).flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : method));
      for (const [method, handler] of Object.entries(methods)) {
        const same = method === "GET" ? ["GET", "HEAD"] : method;
        fastify.route({ method: same, url: prefix + path, handler: this.#guarded(handler) });
      }
      const isPreflight = async (_request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
        reply
          .code(204)
          .header("allow", [...allowed, "OPTIONS"].join(", "))
          .send();
      fastify.options(prefix + path, isPreflight);
      refuseOtherMethods(fastify, prefix + path, [...allowed, "OPTIONS"]);
    };
    route({ GET: this.#list, POST: this.#create }, "/hooks");
    route({ GET: this.#show, PUT: this.#replace, PATCH: this.#change, DELETE: this.#remove }, "/hooks/:id");
    route({ GET: this.#attempts }, "/hooks/:id/attempts");
    route({ GET: this.#missed }, "/hooks/:id/missed");
    route({ GET: this.#dead }, "/hooks/:id/dead-letters");
    for (const action of ACTIONS) route({ POST: this.#act(action) }, `/hooks/:id/${action}`);
    route({ GET: this.#types }, "/hook-events");
    route({ GET: this.#samples }, "/hook-events/:type/samples");
  }

  #guarded(handler: Handler): (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply> {
    return async (request, reply) => {
      try {
        return await handler(request, reply, await this.#options.identify(request));
      } catch (error) {
        this.#options.meter.refused("rest-hooks", toFault(error).code);
        throw error;
      }
    };
  }

  readonly #list: Handler = async (request, reply, { owner }) => {
    const { after, limit } = pageOf(request);
    if (after !== null && this.#options.hooks.find(after, owner) === null)
      throw parameter("after", "the id of a hook is expected");
    const { hooks, next } = this.#options.hooks.list(owner, after, limit);
    return reply.send({ hooks: hooks.map((hook) => this.#view(hook, owner)), next });
  };

  readonly #create: Handler = async (request, reply, caller) => {
    const asked = parseHookRequest(textOf(request), this.#options.clock.now());
    const { hook, isNew } = await this.#options.hooks.create(this.#draft(asked, caller, request));
    const location = `${this.#options.prefix}/hooks/${hook.id}`;
    if (!isNew) {
      throw new HttpFault("conflict", "The same hook exists already.", {
        headers: { location },
        members: { id: hook.id },
      });
    }
    return reply
      .code(201)
      .header("location", location)
      .send(this.#view(hook, caller.owner, true));
  };

  readonly #show: Handler = async (request, reply, { owner }) =>
    reply.send(this.#view(this.#hook(request, owner), owner));

  readonly #replace: Handler = async (request, reply, caller) => {
    const hook = this.#hook(request, caller.owner);
    const { secret, ...draft } = this.#draft(
      parseHookRequest(textOf(request), this.#options.clock.now()),
      caller,
      request,
    );
    const { target, topics, types, format, ordering, onExhausted, verify, scheduleMs, expiresAtMs } = draft;
    await this.#options.hooks.update(hook, {
      target,
      topics,
      types,
      format,
      ordering,
      onExhausted,
      verify,
      scheduleMs,
      expiresAtMs,
    });
    if (secret !== null) await this.#options.hooks.rotate(hook, secret);
    return reply.send(this.#view(hook, caller.owner));
  };

  readonly #change: Handler = async (request, reply, caller) => {
    const hook = this.#hook(request, caller.owner);
    const { secret, ...patch } = parseHookRequest(textOf(request), this.#options.clock.now());
    if (patch.topics !== undefined) checkTopics(patch.topics, caller);
    if (patch.verify !== undefined) checkVerify(patch.verify, caller);
    // Whoever was trusted when the hook was made may not be now.
    const mustVerify =
      patch.target !== undefined && !caller.isTrusted && (patch.verify ?? hook.record.verify) === "none";
    await this.#options.hooks.update(hook, mustVerify ? { ...patch, verify: "x-hook-secret" } : patch);
    if (secret !== undefined) await this.#options.hooks.rotate(hook, secret);
    return reply.send(this.#view(hook, caller.owner));
  };

  readonly #remove: Handler = async (request, reply, { owner }) => {
    const hook = this.#options.hooks.find(idOf(request), owner);
    if (hook === null) throw new SluiceError("not-found", "There is no such hook.");
    // The operator is not the owner: the receiver learns of it.
    await this.#options.hooks.life.end(
      hook,
      owner === null ? "removed by the operator" : "removed by its owner",
      owner === null,
    );
    return reply.code(204).send();
  };

  readonly #attempts: Handler = async (request, reply, { owner }) => {
    const { after, limit } = pageOf(request);
    const before = after === null ? null : Number(after);
    if (before !== null && !Number.isSafeInteger(before))
      throw parameter("after", "a number of an attempt is expected");
    const attempts = await this.#options.hooks.attempts(this.#hook(request, owner), before, limit);
    const next = attempts.length === limit ? String(attempts.at(-1)?.number) : null;
    return reply.send({ attempts: attempts.map(attemptView), next });
  };

  readonly #missed: Handler = async (request, reply, { owner }) => {
    const hook = this.#hook(request, owner);
    const { after, limit } = pageOf(request);
    const page = await missedOf(hook, this.#options.hooks, this.#options.bus, { start: startOf(after), limit });
    const { gap } = page;
    const told = gap === null ? null : { after: gap.after, resumed_at: gap.resumedAt, reason: gap.reason };
    const events = page.events.map(({ json }) => json).join(",");
    const rest = JSON.stringify({ cursor: page.cursor, gap: told }).slice(1);
    return reply.type("application/json").send(`{"events":[${events}],${rest}`);
  };

  readonly #dead: Handler = async (request, reply, { owner }) => {
    const letters = await this.#options.hooks.dead(this.#hook(request, owner));
    return reply.send({ dead_letters: letters.map(deadView) });
  };

  readonly #types: Handler = async (_request, reply, { owner, topics }) => {
    const types = await eventTypes(this.#options.bus, this.#options.hooks, owner, topics);
    const { prefix } = this.#options;
    const events = types.map((type) => ({ type, event: type, samples: `${prefix}/hook-events/${type}/samples` }));
    return reply.send({ events });
  };

  readonly #samples: Handler = async (request, reply, { topics }) => {
    const { type } = request.params as { type: string };
    const asked = (request.query as Readonly<Record<string, unknown>>)["format"];
    const format = asked === undefined ? "standard" : SAMPLE_FORMATS.find((known) => known === asked);
    if (format === undefined) throw parameter("format", `one of ${SAMPLE_FORMATS.join(", ")} is expected`);
    const { bus, payloads, publicPrefix } = this.#options;
    const readUrl = this.#site(request) + publicPrefix;
    const samples = await samplesOf(bus, payloads, topics, { type, format, readUrl });
    return reply.type("application/json").send(`[${samples.join(",")}]`);
  };

  #act(action: Action): Handler {
    return async (request, reply, { owner }) => {
      const { hooks } = this.#options;
      const hook = this.#hook(request, owner);
      const body = parseObject(textOf(request));
      switch (action) {
        case "activate":
          await hooks.activate(hook, secretOf(request, body));
          break;
        case "pause":
          await hooks.pause(hook, owner === null ? "by the operator" : "by its owner");
          break;
        case "resume":
          await hooks.resume(hook, fromOf(body));
          break;
        case "test":
          return reply.send(await this.#test(hook));
        case "rotate-secret":
          return reply.send({ id: hook.id, secret: await hooks.rotate(hook) });
        case "replay":
          await hooks.replay(hook, this.#cursorOf(body));
          return reply.code(202).send(this.#view(hook, owner));
        case "retry":
          return reply.code(202).send({ id: hook.id, dead_letters: await hooks.retry(hook) });
      }
      return reply.send(this.#view(hook, owner));
    };
  }

  async #test(hook: LiveHook): Promise<object> {
    const { durationMs, ...result } = await this.#options.hooks.test(hook);
    return { ...result, duration_ms: durationMs };
  }

  #draft(asked: HookRequest, caller: HookCaller, request: FastifyRequest): HookDraft {
    if (asked.target === undefined) throw invalid("target_url", "the URL that events are sent to is missing");
    if (asked.types === undefined && asked.topics === undefined) throw invalid("event", "event or topic is missing");
    const topics = asked.topics ?? caller.topics.map(({ text }) => text);
    checkTopics(topics, caller);
    const verify = asked.verify ?? (caller.isTrusted ? "none" : "x-hook-secret");
    checkVerify(verify, caller);
    return {
      owner: caller.owner ?? OPERATOR,
      door: "rest",
      target: asked.target,
      topics,
      types: asked.types ?? [],
      format: asked.format ?? "standard",
      ordering: asked.ordering ?? "topic",
      onExhausted: asked.onExhausted ?? "skip",
      verify,
      scheduleMs: asked.scheduleMs ?? null,
      site: this.#site(request),
      expiresAtMs: asked.expiresAtMs ?? null,
      secret: asked.secret ?? null,
    };
  }

  #site(request: FastifyRequest): string {
    return this.#options.publicUrl() ?? `${request.protocol}://${request.host}`;
  }

  #hook(request: FastifyRequest, owner: string | null): LiveHook {
    return this.#options.hooks.get(idOf(request), owner);
  }

  #view(hook: LiveHook, owner: string | null, hasSecret = false): object {
    return hookView(hook, { hasSecret, hasOwner: owner === null });
  }

  #cursorOf(body: Readonly<Record<string, unknown>>): string {
    const from = body["from"] ?? body["after"];
    if (from === "earliest") return this.#options.bus.cursorAt(0);
    if (typeof from !== "string") throw invalid("from", "a cursor, or earliest, is expected");
    parseCursor(from);
    return from;
  }
}

function checkTopics(topics: readonly string[], { topics: granted }: HookCaller): void {
  if (topics.length === 0) throw new SluiceError("forbidden", "These credentials grant hooks on no topic.");
  for (const topic of topics) {
    if (isGranted(granted, parseFilter(topic))) continue;
    throw new SluiceError("forbidden", "These credentials do not grant hooks on that topic.", { field: "topic" });
  }
}

function checkVerify(verify: string, { isTrusted }: HookCaller): void {
  if (verify === "none" && !isTrusted)
    throw invalid("verify", "only owners that the operator trusts need no handshake");
}

function textOf(request: FastifyRequest): string {
  return typeof request.body === "string" ? request.body : "";
}

function idOf(request: FastifyRequest): string {
  return (request.params as { id: string }).id;
}
