import type { FastifyReply } from "fastify";

/** A request that waits to be answered. */
export class BoshReply {
  readonly #reply: FastifyReply;
  readonly #type: string;
  #isAnswered = false;

  /** @param onLost the client has gone away without an answer */
  constructor(reply: FastifyReply, type: string, onLost: () => void) {
    this.#reply = reply;
    this.#type = type;
    reply.raw.once("close", () => {
      if (!this.#isAnswered) onLost();
    });
  }

  /** Whether the client has gone away. */
  get isGone(): boolean {
    return this.#reply.raw.destroyed;
  }

  /** At most once; later ones are passed over. */
  answer(body: Buffer): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    void this.#reply.header("content-type", this.#type).send(body);
  }
}
