import { randomBytes } from "node:crypto";
import { refuseOtherMethods, type Seat, type Seats } from "@sluice/http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { countOf, terminateBody, type BoshCondition } from "./bosh-body.ts";
import { BoshConnection, INACTIVITY, MAX_PAUSE, POLLING, type BoshReply } from "./bosh-connection.ts";
import { BoshRequest } from "./bosh-request.ts";
import { NS } from "../xml/namespaces.ts";
import type { Shared } from "../session/shared.ts";
import { LOGGED_IN, LOGGED_OUT } from "../xml/stanza-limits.ts";
import type { XmlNode } from "../xml/xml-node.ts";
import type { XmlLimits } from "../xml/xml-reader.ts";

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
/** Of XEP-0124, whose major one is 1. */
const MINOR_VERSION = 11;
/** The largest rid (XEP-0124 §14.1). */
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
    const limits = { parseAs: "buffer", bodyLimit: LOGGED_IN.characters } as const;
    scope.addContentTypeParser("*", limits, (_request, body, done) => done(null, body));
    for (const path of options.paths) {
      scope.post(path, (request, reply) => manager.handle(request, reply));
      scope.options(path, async (_request, reply) => reply.code(204).header("allow", "POST, OPTIONS").send());
      refuseOtherMethods(scope, path, ["POST", "OPTIONS"]);
    }
  });
}

interface Found {
  readonly connection: BoshConnection;
  /** What its answers are called. */
  readonly type: string;
}

class BoshManager {
  readonly #options: BoshRouteOptions;
  readonly #connections = new Map<string, Found>();

  constructor(options: BoshRouteOptions) {
    this.#options = options;
  }

  handle(request: FastifyRequest, reply: FastifyReply): void {
    const shared = this.#options.shared();
    if (shared === null) return send(reply, TYPE, terminateBody("internal-server-error"));
    const { body, fault } = BoshRequest.read(request.body, (root) => this.#limitsOf(root));
    const rid = body === null ? null : ridOf(body);
    const found = body === null ? undefined : this.#find(body);
    const connection = found?.connection;
    const answering = replyOf(reply, found?.type ?? TYPE, () => connection?.lost());
    if (body === null || rid === null || fault !== null) {
      const condition = fault ?? "bad-request";
      if (connection !== undefined) return connection.fail(condition, rid, answering);
      return refuse(shared, condition, reply);
    }
    if (body.attribute("sid") === undefined) return this.#create(shared, body, rid, request, reply);
    return connection === undefined ? refuse(shared, "item-not-found", reply) : connection.take(body, rid, answering);
  }

  #find(body: XmlNode): Found | undefined {
    return this.#connections.get(body.attribute("sid") ?? "");
  }

  #limitsOf(body: XmlNode): XmlLimits {
    return this.#find(body)?.connection.isLoggedIn === true ? LOGGED_IN : LOGGED_OUT;
  }

  #create(shared: Shared, body: XmlNode, rid: number, request: FastifyRequest, reply: FastifyReply): void {
    const to = body.attribute("to") ?? "";
    if (to === "") return refuse(shared, "improper-addressing", reply);
    if (to.toLowerCase() !== shared.domain) return refuse(shared, "host-unknown", reply);
    const asked = body.attribute("content");
    if (asked !== undefined && !TYPES.has(asked.toLowerCase())) return refuse(shared, "bad-request", reply);
    const type = asked ?? TYPE;
    const wait = Math.min(countOf(body, "wait") ?? INACTIVITY, MAX_WAIT);
    const hold = Math.min(countOf(body, "hold") ?? MAX_HOLD, MAX_HOLD);
    const sid = randomBytes(24).toString("base64url");
    const seat = this.#seat(request.ip);
    if (seat === null) return refuse(shared, "policy-violation", reply);
    const created = {
      sid,
      wait: String(wait),
      hold: String(hold),
      requests: String(hold + 1),
      ver: lowerVersion(body.attribute("ver")),
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

function ridOf(body: XmlNode): number | null {
  const rid = countOf(body, "rid");
  return rid === null || rid > MAX_RID ? null : rid;
}

/** The client's version of BOSH or ours, whichever is lower: its minor number is a number, not a decimal. */
function lowerVersion(theirs: string | undefined): string {
  const [, major, minor] = /^(\d{1,3})\.(\d{1,3})$/.exec(theirs ?? "") ?? [];
  return Number(major) === 1 && Number(minor) < MINOR_VERSION ? `1.${Number(minor)}` : `1.${MINOR_VERSION}`;
}

function refuse(shared: Shared, condition: BoshCondition, reply: FastifyReply): void {
  shared.meter.refused("xmpp", condition);
  send(reply, TYPE, terminateBody(condition));
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
