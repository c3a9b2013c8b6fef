import { parseCursor, SluiceError, type Start } from "@sluice/core";
import type { FastifyRequest } from "fastify";
import { invalid } from "./hook-request.ts";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 100;

/** The secret that a target was sent, as its owner brings it. @throws {SluiceError} `invalid-hook` */
export function secretOf(request: FastifyRequest, body: Readonly<Record<string, unknown>>): string {
  const secret = request.headers["x-hook-secret"] ?? body["secret"];
  if (typeof secret !== "string") throw invalid("secret", "the secret that the target was sent is missing");
  return secret;
}

/** Where a hook is to go on. @throws {SluiceError} `invalid-hook` */
export function fromOf(body: Readonly<Record<string, unknown>>): "cursor" | "now" {
  const from = body["from"] ?? "cursor";
  if (from !== "cursor" && from !== "now") throw invalid("from", "cursor or now is expected");
  return from;
}

/** Which page of a list is wanted. @throws {SluiceError} `invalid-parameter` */
export function pageOf(request: FastifyRequest): { readonly after: string | null; readonly limit: number } {
  const { after, limit = String(DEFAULT_LIMIT) } = request.query as Readonly<Record<string, unknown>>;
  const count = typeof limit === "string" && /^\d{1,4}$/.test(limit) ? Number(limit) : Number.NaN;
  if (!(count >= 1 && count <= MAX_LIMIT))
    throw parameter("limit", `a whole number from 1 to ${MAX_LIMIT} is expected`);
  if (after !== undefined && typeof after !== "string") throw parameter("after", "it may be given once");
  return { after: after ?? null, limit: count };
}

/** Where in the log `after` is; by default at its beginning. @throws {SluiceError} `invalid-cursor` */
export function startOf(after: string | null): Start {
  if (after === null || after === "earliest") return "earliest";
  parseCursor(after);
  return { cursor: after };
}

/** A query parameter that can't be used. */
export function parameter(field: string, why: string): SluiceError {
  return new SluiceError("invalid-parameter", `The parameter can't be used: ${why}.`, { field });
}
