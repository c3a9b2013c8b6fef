import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { isAllowedOrigin, type CorsRules } from "./origin.ts";

const METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE";
const ALLOWED_HEADERS = "Authorization, Content-Type, If-None-Match, Last-Event-ID, Prefer";
const EXPOSED_HEADERS = "ETag, Link, Location, Preference-Applied, Retry-After, WWW-Authenticate, X-Poll-Interval";
/** How long a browser may remember a preflight: a day, which browsers cut down to what they think right. */
const MAX_AGE_SECONDS = "86400";

/**
 * CORS (Fetch §3.2) for the routes of this scope. The rules are asked for with every request, so that a reload changes
 * them. Each route answers `OPTIONS` itself: @fastify/cors was not taken since it claims the `OPTIONS` of every path,
 * and those outside the prefix are the app's.
 */
export function registerCors(fastify: FastifyInstance, rules: () => CorsRules): void {
  fastify.addHook("onRequest", (request, reply, done) => {
    applyCors(request, reply, rules());
    done();
  });
}

/** Sets the headers that a browser asks for before it lets a page of another origin see the answer. */
export function applyCors(request: FastifyRequest, reply: FastifyReply, rules: CorsRules): void {
  if (rules.origins.length === 0) return;
  // Without credentials one answer does for every origin.
  const isForAll = rules.origins.includes("*") && !rules.hasCredentials;
  if (!isForAll) reply.header("vary", "Origin");
  const { origin } = request.headers;
  if (origin === undefined || !isAllowedOrigin(origin, rules, true)) return;
  reply.header("access-control-allow-origin", isForAll ? "*" : origin);
  if (rules.hasCredentials) reply.header("access-control-allow-credentials", "true");
  if (request.method === "OPTIONS" && request.headers["access-control-request-method"] !== undefined) {
    reply.header("access-control-allow-methods", METHODS);
    reply.header("access-control-allow-headers", ALLOWED_HEADERS);
    reply.header("access-control-max-age", MAX_AGE_SECONDS);
  } else {
    reply.header("access-control-expose-headers", EXPOSED_HEADERS);
  }
}
