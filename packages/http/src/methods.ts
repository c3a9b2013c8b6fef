import type { FastifyInstance } from "fastify";
import { HttpFault } from "./http-fault.ts";

/** Answers every method of a path that is not among `allowed` with 405 and `Allow`. */
export function refuseOtherMethods(fastify: FastifyInstance, path: string, allowed: readonly string[]): void {
  const others = fastify.supportedMethods.filter((method) => !allowed.includes(method));
  fastify.route({
    method: others,
    url: path,
    // Before the body: whatever it is, it is not wanted.
    onRequest: async () => {
      const headers = { allow: allowed.join(", ") };
      throw new HttpFault("method-not-allowed", `Allowed here: ${headers.allow}.`, { headers });
    },
    handler: async (_request, reply) => reply,
  });
}
