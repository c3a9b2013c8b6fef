import {
  checkPublication,
  traceParentOf,
  type Appended,
  type Bus,
  type Clock,
  type Filter,
  type Meter,
} from "@sluice/core";
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import type { HttpLimits } from "../limits.ts";
import { toFault } from "../problem.ts";
import { discardBody, readBody } from "./publish-body.ts";
import { formatOf, type PublishFormat } from "./publish-format.ts";

/** Lets the topics of a publication pass, or throws. */
export type TopicCheck = (topics: readonly Filter[]) => Promise<void>;

/** Options of {@link publishRoute}. */
export interface PublishRouteOptions {
  /** `/events`, or with the prefix before it. */
  readonly path: string;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly meter: Meter;
  /** Asked for with every request. */
  readonly limits: () => Pick<HttpLimits, "eventBytes" | "publishBodyBytes">;
  /**
   * Who publishes; called before the body is read. Throws, or answers what checks the topics once they are known.
   * Without it every topic may be published to (behind a key of the composition's own).
   */
  readonly authorise?: (request: FastifyRequest) => Promise<TopicCheck>;
}

/**
 * `POST PATH`: publishes one event or a batch, as JSON or as CloudEvents. `201` when all are durable, `200` when all
 * were duplicates.
 */
export function publishRoute(options: PublishRouteOptions): FastifyPluginAsync {
  return async (fastify) => {
    // The body is read in the handler, by limits that a reload may have changed; and as bytes, since the text of the
    // data goes to readers as it was written.
    fastify.removeAllContentTypeParsers();
    fastify.addContentTypeParser("*", (_request, _payload, done) => done(null));
    fastify.post(options.path, async (request, reply) => {
      try {
        return await publish(request, reply, options);
      } catch (error) {
        options.meter.refused("publish", toFault(error).code);
        discardBody(request.raw);
        throw error;
      }
    });
  };
}

async function publish(
  request: FastifyRequest,
  reply: FastifyReply,
  options: PublishRouteOptions,
): Promise<FastifyReply> {
  const check = await options.authorise?.(request);
  const { eventBytes, publishBodyBytes } = options.limits();
  const format: PublishFormat = formatOf(request.headers);
  const body = await readBody(request.raw, publishBodyBytes);
  const traceParent = traceParentOf(request.headers["traceparent"]);
  const drafts = format(body, { eventBytes, clock: options.clock, traceParent });
  if (check !== undefined) await checkPublication(drafts, check);
  const appended = await options.bus.publish(drafts);
  const isAllKnown = appended.every(({ isDuplicate }) => isDuplicate);
  return reply
    .code(isAllKnown ? 200 : 201)
    .header("content-type", "application/json")
    .send(Buffer.from(receipt(appended, options.bus)));
}

/** What the publisher is told: id and cursor of each event, in order. */
function receipt(appended: readonly Appended[], bus: Bus): string {
  const events = appended.map(({ id, position, isDuplicate }) => ({
    id,
    cursor: bus.cursorAt(position),
    ...(isDuplicate ? { duplicate: true } : {}),
  }));
  return JSON.stringify({ events });
}
