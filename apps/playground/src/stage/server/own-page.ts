import type { FastifyRequest } from "fastify";

const LOOPBACK = /^(?:localhost|127\.0\.0\.1)(?::\d{1,5})?$/;

/** Whether a request names this machine as its host: another name that leads here belongs to somebody else's page. */
export function isOwnHost({ headers }: FastifyRequest): boolean {
  return LOOPBACK.test(headers.host ?? "");
}

/** Whether a request comes from the page that is served here. */
export function isOwnPage(request: FastifyRequest): boolean {
  return isOwnHost(request) && request.headers.origin === `http://${request.headers.host}`;
}
