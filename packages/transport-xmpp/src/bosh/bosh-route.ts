import type { Readable } from "node:stream";
import { refuseOtherMethods, type Seat, type Seats } from "@sluice/http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { countOf, terminateBody, type BoshCondition } from "./bosh-body.ts";
import { BoshConnection } from "./bosh-connection.ts";
import { readPayload, type BoshPayload } from "./bosh-payload.ts";
import { BoshReply } from "./bosh-reply.ts";
import { BoshRequest } from "./bosh-request.ts";
import { DEFAULT_TYPE, termsFor } from "./bosh-terms.ts";
import type { Shared } from "../session/shared.ts";
import type { XmlNode } from "../xml/xml-node.ts";
import { LOGGED_IN, LOGGED_OUT, type XmlLimits } from "../xml/xml-reader.ts";

/** Options of {@link registerBosh}. */
export interface BoshRouteOptions {
  readonly paths: readonly string[];
  readonly seats: Seats;
  /** Null before the transport has started. */
  readonly shared: () => Shared | null;
}

interface BoshRoute {
  readonly Body: BoshPayload | undefined;
}

/** The largest rid (XEP-0124 §14.1), which is a positive number. */
const MAX_RID = 2 ** 53 - 1;

/** Takes BOSH clients. */
export async function registerBosh(fastify: FastifyInstance, options: BoshRouteOptions): Promise<void> {
  const manager = new BoshManager(options);
  await fastify.register(async (scope) => {
    // Whatever other routes allow: a session is known by its sid, and no cookie means anything here.
    scope.addHook("onRequest", (_request, reply, done) => {
      reply.removeHeader("access-control-allow-credentials");
      done();
    });
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request: FastifyRequest, payload: Readable) => readPayload(payload));
    for (const path of options.paths) {
      scope.post<BoshRoute>(path, (request, reply) => manager.handle(request, reply));
      scope.options(path, async (_request, reply) => reply.code(204).header("allow", "POST, OPTIONS").send());
      refuseOtherMethods(scope, path, ["POST", "OPTIONS"]);
    }
  });
}

class BoshManager {
  readonly #options: BoshRouteOptions;
  readonly #connections = new Map<string, BoshConnection>();

  constructor(options: BoshRouteOptions) {
    this.#options = options;
  }

  handle(request: FastifyRequest<BoshRoute>, reply: FastifyReply<BoshRoute>): void {
    if (request.body?.isTooLarge === true) reply.code(413);
    if (request.body?.isRead === false) reply.header("connection", "close");
    const { body, fault } = BoshRequest.read(request.body, (root) => this.#limitsOf(root));
    const connection = body === null ? undefined : this.#find(body);
    const answering = new BoshReply(reply, connection?.terms.type ?? DEFAULT_TYPE, () => connection?.lost());
    const shared = this.#options.shared();
    if (shared === null) return answering.answer(terminateBody("internal-server-error"));
    const rid = body === null ? null : ridOf(body);
    if (body === null || rid === null || fault !== null) {
      const condition = fault ?? "bad-request";
      return connection === undefined
        ? refuse(shared, condition, answering)
        : connection.fail(condition, rid, answering);
    }
    if (connection !== undefined) return connection.take(body, rid, answering);
    if (body.attribute("sid") !== undefined) return refuse(shared, "item-not-found", answering);
    const created = this.#create(shared, body, rid, request);
    if (typeof created === "string") return refuse(shared, created, answering);
    return created.take(body, rid, new BoshReply(reply, created.terms.type, () => created.lost()));
  }

  #find(body: XmlNode): BoshConnection | undefined {
    return this.#connections.get(body.attribute("sid") ?? "");
  }

  #limitsOf(body: XmlNode): XmlLimits {
    return this.#find(body)?.isLoggedIn === true ? LOGGED_IN : LOGGED_OUT;
  }

  /** A new session, or why there is none. */
  #create(
    shared: Shared,
    body: XmlNode,
    rid: number,
    request: FastifyRequest<BoshRoute>,
  ): BoshConnection | BoshCondition {
    const to = body.attribute("to") ?? "";
    if (to === "") return "improper-addressing";
    if (to.toLowerCase() !== shared.domain) return "host-unknown";
    const terms = termsFor(body, rid, request.protocol === "https");
    if (terms === null) return "bad-request";
    const seat = this.#seat(request.ip);
    if (seat === null) return "policy-violation";
    const connection = new BoshConnection(shared, terms, {
      ended: () => seat.release(),
      forgotten: () => this.#connections.delete(terms.sid),
    });
    this.#connections.set(terms.sid, connection);
    return connection;
  }

  #seat(ip: string): Seat | null {
    try {
      return this.#options.seats.take(ip);
    } catch {
      return null;
    }
  }
}

function ridOf(body: XmlNode): number | null {
  const rid = countOf(body, "rid");
  return rid === null || rid < 1 || rid > MAX_RID ? null : rid;
}

function refuse(shared: Shared, condition: BoshCondition, reply: BoshReply): void {
  shared.meter.refused("xmpp", condition);
  reply.answer(terminateBody(condition));
}
