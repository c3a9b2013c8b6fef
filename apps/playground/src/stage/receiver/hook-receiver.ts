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
const STATUSES = { ok: 204, fail: 500, gone: 410 } as const;
const UNSIGNED = 401;

/**
 * Somebody's server that wants to be told: takes deliveries of hooks at any of its paths, checks their signatures
 * (Standard Webhooks), and answers as it feels like.
 *
 * It learns a hook's secret in the handshake, to which it agrees in every mood.
 */
export class HookReceiver {
  readonly #options: HookReceiverOptions;
  readonly #server: FastifyInstance;
  /** By path: what the hook of that target signs with. */
  readonly #secrets = new Map<string, Webhook>();
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
    if (this.mood === "hang") return undefined;
    const status = isSignatureRight ? STATUSES[this.mood] : UNSIGNED;
    const { "webhook-id": id, "sluice-cursor": cursor = null } = request.headers;
    this.#options.onDelivered({
      kind: "delivered",
      at: this.#options.now(),
      id: String(id),
      cursor: cursor === null ? null : String(cursor),
      status,
      isSignatureRight,
    });
    return reply.code(status).send();
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

  #isSigned({ url, body, headers }: FastifyRequest): boolean {
    try {
      this.#secrets.get(url)?.verify(String(body), headers as Record<string, string>);
      return this.#secrets.has(url);
    } catch {
      return false;
    }
  }
}

function webhookOf(secret: string): Webhook | null {
  try {
    return new Webhook(secret);
  } catch {
    return null;
  }
}
