import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Access } from "@sluice/core";
import type { Seats } from "@sluice/http";
import {
  xmpp,
  xmppComponent,
  type XmppComponent,
  type XmppOptions,
  type XmppTcpOptions,
  type XmppTransport,
} from "@sluice/transport-xmpp";
import { parseListen } from "./config/address.ts";
import type { Config, XmppTcpConfig } from "./config/config.ts";
import { BOSH_PATH } from "./outside-paths.ts";

/** What XMPP needs of the gateway around it. */
export interface XmppSurroundings {
  readonly access: Access;
  readonly seats: Seats;
  /** The configuration of now. */
  readonly config: () => Config;
  /** Base of the public listener. */
  readonly publicUrl: () => string;
}

/** XMPP, if it is on: its subscriptions beside the log, or in memory with it. */
export function createXmpp(config: Config, surroundings: XmppSurroundings): XmppTransport | null {
  const { log, public: front, transports } = config;
  if (transports.xmpp === false) return null;
  const { domain, tcp, hasBosh, hasWebsocket, accounts } = transports.xmpp;
  const { access, seats } = surroundings;
  return xmpp({
    domain,
    tcp: tcp === false ? null : tcpOptions(tcp),
    websocketPath: hasWebsocket ? `${front.prefix}/xmpp` : null,
    boshPaths: hasBosh ? [`${front.prefix}/http-bind`, BOSH_PATH] : [],
    accounts,
    access,
    seats,
    path: log.kind === "sqlite" ? join(log.path, "xmpp.db") : null,
    // A stream that was cut is a place in the log: it can be resumed as long as that is there.
    hibernateMs: config.retention.ageMs,
    ...common(front.prefix, surroundings),
  });
}

/**
 * The gateway as a component of another XMPP server, if it is to be one. Its subscribers are that server's, so it keeps
 * them apart: the same JID may be somebody else there.
 */
export function createXmppComponent(config: Config, surroundings: XmppSurroundings): XmppComponent | null {
  const { log, public: front, transports } = config;
  if (transports.xmpp === false || transports.xmpp.component === null) return null;
  const { domain, component } = transports.xmpp;
  const { service, secret, grants } = component;
  const server = parseListen(service.replace(/^xmpp:\/\//, ""));
  if (server === undefined) throw new TypeError("The address of the XMPP server has not been checked.");
  return xmppComponent({
    address: { ...server, domain: component.domain, secret },
    domain,
    grants,
    path: log.kind === "sqlite" ? join(log.path, "xmpp-component.db") : null,
    ...common(front.prefix, surroundings),
  });
}

function common(
  prefix: string,
  { config, publicUrl }: XmppSurroundings,
): Pick<XmppOptions, "publicFilters" | "limits" | "linkTo"> {
  return {
    publicFilters: () => config().access.public,
    limits: () => config().limits,
    linkTo: ({ topic, position, epoch }) => {
      const before = `${epoch}-${(position - 1).toString(36)}`;
      return `${publicUrl()}${prefix}/events?topic=${encodeURIComponent(topic)}&after=${before}&limit=1`;
    },
  };
}

/** The files have been looked at with the configuration. */
function tcpOptions({ listen, tls, directTls }: XmppTcpConfig): XmppTcpOptions {
  const read = (file: string): string => readFileSync(file, "utf8");
  return { listen, tls: tls === null ? null : { cert: read(tls.cert), key: read(tls.key) }, directTls };
}
