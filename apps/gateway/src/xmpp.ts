import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Access } from "@sluice/core";
import type { Seats } from "@sluice/http";
import { xmpp, type XmppTcpOptions, type XmppTransport } from "@sluice/transport-xmpp";
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

/**
 * XMPP, if it is on: its subscriptions beside the log, or in memory with it.
 * @throws if the configuration asks for what there is not
 */
export function createXmpp(config: Config, surroundings: XmppSurroundings): XmppTransport | null {
  const { log, public: front, transports } = config;
  if (transports.xmpp === false) return null;
  const { domain, tcp, hasBosh, hasWebsocket, component, accounts } = transports.xmpp;
  if (component !== null) {
    throw new Error("transports.xmpp.component: this version is no component of another server yet; leave it out");
  }
  const { access, seats, publicUrl } = surroundings;
  return xmpp({
    domain,
    tcp: tcp === false ? null : tcpOptions(tcp),
    websocketPath: hasWebsocket ? `${front.prefix}/xmpp` : null,
    boshPaths: hasBosh ? [`${front.prefix}/http-bind`, BOSH_PATH] : [],
    accounts,
    access,
    publicFilters: () => surroundings.config().access.public,
    limits: () => surroundings.config().limits,
    seats,
    path: log.kind === "sqlite" ? join(log.path, "xmpp.db") : null,
    linkTo: ({ topic, position, epoch }) => {
      const before = `${epoch}-${(position - 1).toString(36)}`;
      return `${publicUrl()}${front.prefix}/events?topic=${encodeURIComponent(topic)}&after=${before}&limit=1`;
    },
  });
}

/** The files have been looked at with the configuration. */
function tcpOptions({ listen, tls, directTls }: XmppTcpConfig): XmppTcpOptions {
  const read = (file: string): string => readFileSync(file, "utf8");
  return { listen, tls: tls === null ? null : { cert: read(tls.cert), key: read(tls.key) }, directTls };
}
