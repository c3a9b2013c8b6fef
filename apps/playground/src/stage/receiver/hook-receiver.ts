import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { Webhook } from "standardwebhooks";
import type { Clock } from "../clock.ts";
import type { Delivered, ReceiverMood } from "../stage-protocol.ts";

/** Options of a {@link HookReceiver}. */
export interface HookReceiverOptions {
  readonly onDelivered: (delivered: Delivered) => void;
  readonly now: Clock;
}

const BODY_LIMIT_BYTES = 1024 * 1024;
const MAX_SECRETS = 100;
/** Deliveries that are remembered to recognise those that come again. */
const MAX_TAKEN = 10_000;
/** What it answers; `null`: nothing, ever. */
const STATUSES = { ok: 204, fail: 500, hang: null, gone: 410 } as const;
const UNSIGNED = 401;

/**
 * Somebody's server that wants to be told: takes deliveries of hooks at any of its paths, checks their signatures
 * (Standard Webhooks), and answers as it feels like.
 *
 * Webhooks come at least once: whatever the gateway had no answer to, it sends again. So the receiver remembers the
 * `webhook-id` of what it has taken, and what it recognises it takes again without handing it on.
 *
 * It learns a hook's secret in the handshake, to which it agrees in every mood.
 */
export class HookReceiver {
  readonly #options: HookReceiverOptions;
  readonly #server: FastifyInstance;
  /** By path: what the hook of that target signs with. */
  readonly #secrets = new Map<string, Webhook>();
  /** What has been taken, each by path and `webhook-id`. */
  readonly #taken = new Set<string>();
  #url = "";
  mood: ReceiverMood = "ok";

  private constructor(options: HookReceiverOptions) {
    this.#options = options;
    this.#server = fastify({ bodyLimit: BODY_LIMIT_BYTES, forceCloseConnections: true });
    this.#server.removeAllContentTypeParsers();
    this.#server.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
    this.#server.post("*", (request, reply) => this.#take(request, reply));
    // What the gateway says when it ends a hook by itself.
    this.#server.delete("*", (request, reply) => {
      this.#secrets.delete(request.url);
      return reply.code(204).send();
    });
  }

  /** Listens on a free port of loopback. */
  static async open(options: HookReceiverOptions): Promise<HookReceiver> {
    const receiver = new HookReceiver(options);
    receiver.#url = await receiver.#server.listen({ port: 0, host: "127.0.0.1" });
    return receiver;
  }

  /** `http://127.0.0.1:40002` */
  get url(): string {
    return this.#url;
  }

  async close(): Promise<void> {
    await this.#server.close();
  }

  #take(request: FastifyRequest, reply: FastifyReply): FastifyReply | undefined {
    const secret = request.headers["x-hook-secret"];
    if (typeof secret === "string") return this.#agree(request.url, secret, reply);
    const isSignatureRight = this.#isSigned(request);
    const status = isSignatureRight ? STATUSES[this.mood] : UNSIGNED;
    const { "webhook-id": id, "sluice-cursor": cursor = null } = request.headers;
    const isTaken = status === STATUSES.ok || status === STATUSES.hang;
    this.#options.onDelivered({
      kind: "delivered",
      at: this.#options.now(),
      id: String(id),
      eventId: isSignatureRight ? eventIdIn(String(request.body)) : null,
      cursor: cursor === null ? null : String(cursor),
      status,
      isSignatureRight,
      isRepeated: isTaken && !this.#isNew(`${request.url} ${String(id)}`),
    });
    return status === null ? undefined : reply.code(status).send();
  }

  #agree(path: string, secret: string, reply: FastifyReply): FastifyReply {
    const webhook = webhookOf(secret);
    if (webhook === null) return reply.code(400).send();
    this.#secrets.delete(path);
    this.#secrets.set(path, webhook);
    const [oldest] = this.#secrets.keys();
    if (this.#secrets.size > MAX_SECRETS && oldest !== undefined) this.#secrets.delete(oldest);
    return reply.code(204).header("x-hook-secret", secret).send();
  }

  /** Whether it has not been taken before; from now on it has. */
  #isNew(delivery: string): boolean {
    if (this.#taken.has(delivery)) return false;
    this.#taken.add(delivery);
    const [oldest] = this.#taken;
    if (this.#taken.size > MAX_TAKEN && oldest !== undefined) this.#taken.delete(oldest);
    return true;
  }

  #isSigned({ url, body, headers }: FastifyRequest): boolean {
    try {
      this.#secrets.get(url)?.verify(String(body), headers as Record<string, string>);
      return this.#secrets.has(url);
    } catch {
      return false;
    }
  }
}

/** The id of the event that a body holds. */
function eventIdIn(body: string): string | null {
  try {
    const { id } = JSON.parse(body) as { readonly id?: unknown };
    return typeof id === "string" ? id : null;
  } catch {
    return null;
  }
}

function webhookOf(secret: string): Webhook | null {
  try {
    return new Webhook(secret);
  } catch {
    return null;
  }
}
