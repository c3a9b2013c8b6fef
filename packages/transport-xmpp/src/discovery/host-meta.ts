import { SluiceError } from "@sluice/core";
import { refuseOtherMethods } from "@sluice/http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { createElement } from "ltx";

/** Where clients look for BOSH and WebSocket (XEP-0156), as XRD and as JSON (RFC 6415). */
export const HOST_META_PATHS: readonly string[] = ["/.well-known/host-meta", "/.well-known/host-meta.json"];

/** Options of {@link registerHostMeta}. */
export interface HostMetaOptions {
  /** `null`: there is none. */
  readonly boshPath: string | null;
  /** `null`: there is none. */
  readonly websocketPath: string | null;
}

/** A link of host-meta. */
interface Link {
  readonly rel: string;
  readonly href: string;
}

const METHODS: readonly string[] = ["GET", "HEAD", "OPTIONS"];
const XRD = "http://docs.oasis-open.org/ns/xri/xrd-1.0";
/** What the addresses are made of comes from the client: a name or address, a port, and nothing that ends either. */
const HOST = /^(?:[\w-]+(?:\.[\w-]+)*\.?|\[[\da-f:.]+\])(?::\d{1,5})?$/i;
const MAX_HOST = 261;

/** Answers with the addresses of what is on, to pages of any origin. They have the host that the request was for. */
export async function registerHostMeta(fastify: FastifyInstance, options: HostMetaOptions): Promise<void> {
  await fastify.register(async (scope) => {
    // XEP-0156 asks for it: a page looks here before it knows who may tell it more.
    scope.addHook("onRequest", (_request, reply, done) => {
      reply.removeHeader("access-control-allow-credentials").removeHeader("vary");
      reply.header("access-control-allow-origin", "*");
      done();
    });
    for (const path of HOST_META_PATHS) {
      const isJson = path.endsWith(".json");
      scope.route({
        method: ["GET", "HEAD"],
        url: path,
        handler: (request, reply) => {
          const links = linksOf(request, options);
          return isJson ? reply.send({ links }) : sendXrd(reply, links);
        },
      });
      scope.options(path, async (_request, reply) => {
        reply.header("access-control-allow-methods", "GET, HEAD").header("access-control-allow-headers", "*");
        return reply.code(204).header("allow", METHODS.join(", ")).send();
      });
      refuseOtherMethods(scope, path, METHODS);
    }
  });
}

function linksOf(request: FastifyRequest, { boshPath, websocketPath }: HostMetaOptions): readonly Link[] {
  const { host, protocol } = request;
  if (!HOST.test(host) || host.length > MAX_HOST) {
    throw new SluiceError("bad-request", "The request names no host that an address could be made of.");
  }
  const [http, ws] = protocol === "https" ? ["https", "wss"] : ["http", "ws"];
  return [
    { rel: "urn:xmpp:alt-connections:xbosh", scheme: http, path: boshPath },
    { rel: "urn:xmpp:alt-connections:websocket", scheme: ws, path: websocketPath },
  ].flatMap(({ rel, scheme, path }) => (path === null ? [] : [{ rel, href: `${scheme}://${host}${path}` }]));
}

function sendXrd(reply: FastifyReply, links: readonly Link[]): FastifyReply {
  const xrd = createElement("XRD", { xmlns: XRD }, ...links.map((link) => createElement("Link", { ...link })));
  return reply
    .type("application/xrd+xml; charset=utf-8")
    .send(`<?xml version="1.0" encoding="utf-8"?>${xrd.toString()}`);
}
