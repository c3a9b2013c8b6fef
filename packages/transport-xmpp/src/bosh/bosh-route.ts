import { randomBytes } from "node:crypto";
import { refuseOtherMethods, type Seat, type Seats } from "@sluice/http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { terminateBody, type BoshCondition } from "./bosh-body.ts";
import { BoshConnection, INACTIVITY, MAX_PAUSE, POLLING, type BoshReply } from "./bosh-connection.ts";
import { NS } from "../xml/namespaces.ts";
import type { Shared } from "../session/shared.ts";
import { LOGGED_IN } from "../xml/stanza-limits.ts";
import type { XmlNode } from "../xml/xml-node.ts";
import { XmlReader } from "../xml/xml-reader.ts";

/** Options of {@link registerBosh}. */
export interface BoshRouteOptions {
  readonly paths: readonly string[];
  readonly seats: Seats;
  /** Null before the transport has started. */
  readonly shared: () => Shared | null;
}

const TYPE = "text/xml; charset=utf-8";
/** What a client may have its answers called; else any page could have them run as something else. */
const TYPES: ReadonlySet<string> = new Set([TYPE, "text/xml", "application/xml", "application/xml; charset=utf-8"]);
const MAX_WAIT = 120;
const MAX_HOLD = 1;
/** The largest rid (XEP-0124 §14.1). */
const MAX_RID = 2 ** 53 - 1;

/** Takes BOSH clients. */
export async function registerBosh(fastify: FastifyInstance, options: BoshRouteOptions): Promise<void> {
  const manager = new BoshManager(options);
  await fastify.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    const limits = { parseAs: "buffer", bodyLimit: LOGGED_IN.characters } as const;
    scope.addContentTypeParser("*", limits, (_request, body, done) => done(null, body));
    for (const path of options.paths) {
      scope.post(path, (request, reply) => manager.handle(request, reply));
      scope.options(path, async (_request, reply) => reply.code(204).header("allow", "POST, OPTIONS").send());
      refuseOtherMethods(scope, path, ["POST", "OPTIONS"]);
    }
  });
}

class BoshManager {
  readonly #options: BoshRouteOptions;
  readonly #connections = new Map<string, { readonly connection: BoshConnection; readonly type: string }>();

  constructor(options: BoshRouteOptions) {
    this.#options = options;
  }

  handle(request: FastifyRequest, reply: FastifyReply): void {
    const shared = this.#options.shared();
    const body = parseBody(request.body);
    if (shared === null || body === null) return send(reply, TYPE, terminateBody("bad-request"));
    const rid = countOf(body, "rid");
    if (rid === null || rid > MAX_RID) return send(reply, TYPE, terminateBody("bad-request"));
    const sid = body.attribute("sid");
    if (sid === undefined) return this.#create(shared, body, rid, request, reply);
    const found = this.#connections.get(sid);
    if (found === undefined) return send(reply, TYPE, terminateBody("item-not-found"));
    return found.connection.take(
      body,
      rid,
      replyOf(reply, found.type, () => found.connection.lost()),
    );
  }

  #create(shared: Shared, body: XmlNode, rid: number, request: FastifyRequest, reply: FastifyReply): void {
    const to = body.attribute("to");
    const refuse = (condition: BoshCondition): void => {
      shared.meter.refused("xmpp", condition);
      send(reply, TYPE, terminateBody(condition));
    };
    if (to === undefined) return refuse("improper-addressing");
    if (to.toLowerCase() !== shared.domain) return refuse("host-unknown");
    const asked = body.attribute("content");
    if (asked !== undefined && !TYPES.has(asked.toLowerCase())) return refuse("bad-request");
    const type = asked ?? TYPE;
    const wait = Math.min(Math.max(countOf(body, "wait") ?? INACTIVITY, 1), MAX_WAIT);
    const hold = Math.min(countOf(body, "hold") ?? MAX_HOLD, MAX_HOLD);
    const sid = randomBytes(24).toString("base64url");
    const seat = this.#seat(request.ip);
    if (seat === null) return refuse("policy-violation");
    const created = {
      sid,
      wait: String(wait),
      hold: String(hold),
      requests: String(hold + 1),
      ver: "1.11",
      polling: String(POLLING),
      inactivity: String(INACTIVITY),
      maxpause: String(MAX_PAUSE),
      from: shared.domain,
      ack: String(rid),
      "xmlns:xmpp": NS.xbosh,
      "xmpp:version": "1.0",
      "xmpp:restartlogic": "true",
      "xmlns:stream": NS.stream,
    };
    const terms = { sid, rid, wait, hold, isSecure: request.protocol === "https" };
    const connection = new BoshConnection(shared, terms, created, {
      ended: () => seat.release(),
      forgotten: () => this.#connections.delete(sid),
    });
    this.#connections.set(sid, { connection, type });
    return connection.take(
      body,
      rid,
      replyOf(reply, type, () => connection.lost()),
    );
  }

  #seat(ip: string): Seat | null {
    try {
      return this.#options.seats.take(ip);
    } catch {
      return null;
    }
  }
}

function parseBody(body: unknown): XmlNode | null {
  if (!Buffer.isBuffer(body)) return null;
  let found: XmlNode | null = null;
  const ignore = (): void => undefined;
  const handler = {
    opened: ignore,
    closed: ignore,
    received: (node: XmlNode): void => void (found = node),
    failed: (): void => void (found = null),
  };
  const reader = new XmlReader(handler, () => LOGGED_IN, "document");
  reader.feed(body);
  reader.end();
  const node = found as XmlNode | null;
  return node?.is("body", NS.httpbind) === true ? node : null;
}

function countOf(body: XmlNode, name: string): number | null {
  const text = body.attribute(name) ?? "";
  return /^\d{1,16}$/.test(text) ? Number(text) : null;
}

function replyOf(reply: FastifyReply, type: string, onLost: () => void): BoshReply {
  let isAnswered = false;
  reply.raw.once("close", () => {
    if (!isAnswered) onLost();
  });
  return {
    get isGone(): boolean {
      return reply.raw.destroyed;
    },
    answer(body: Buffer): void {
      if (isAnswered) return;
      isAnswered = true;
      send(reply, type, body);
    },
  };
}

function send(reply: FastifyReply, type: string, body: Buffer): void {
  void reply.header("content-type", type).send(body);
}
