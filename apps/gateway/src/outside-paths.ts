import { HOST_META_PATHS } from "@sluice/transport-xmpp";
import type { Config } from "./config/config.ts";

/** Where BOSH clients look by habit. */
export const BOSH_PATH = "/http-bind";

/** Paths outside of the prefix at which there is something of the gateway's. */
export interface OutsidePaths {
  /** Whatever the app behind has there. */
  readonly ownPaths: readonly string[];
  /** If the app behind has nothing there. */
  readonly fallbackPaths: readonly string[];
}

/** Those of XMPP, as far as it is on. */
export function outsidePaths({ transports: { xmpp } }: Config): OutsidePaths {
  if (xmpp === false) return { ownPaths: [], fallbackPaths: [] };
  const { hasBosh, hasWebsocket } = xmpp;
  return { ownPaths: hasBosh ? [BOSH_PATH] : [], fallbackPaths: hasBosh || hasWebsocket ? HOST_META_PATHS : [] };
}
