import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "@sluice/core";
import { problem } from "@sluice/http";

/** How long the rest of a request is read that was answered before it was through. */
const LINGER_MS = 5000;

/** Answers with a fault as problem+json, on a response outside of Fastify. */
export function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.destroyed) return;
  if (response.headersSent) {
    request.socket.resetAndDestroy();
    return;
  }
  const told = problem(error);
  const headers = { ...told.headers, "content-length": String(Buffer.byteLength(told.body)) };
  response.writeHead(told.status, headers);
  response.end(told.body);
}

/**
 * For an answer that goes out before its request is through: the rest is read and let go, so that the client gets to
 * see the answer and not a reset; but not for ever.
 */
export function lingerUntilRead(request: IncomingMessage, response: ServerResponse, clock: Clock): void {
  if (request.complete) return;
  const { socket } = request;
  response.once("finish", () => {
    if (request.complete) return;
    const cancel = clock.after(LINGER_MS, () => {
      if (!request.complete) socket.destroy();
    });
    request.once("close", cancel);
    request.resume();
  });
}
