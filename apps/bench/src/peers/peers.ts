import { gatewayInMemory } from "../servers/gateway.ts";
import type { ServerKind } from "../servers/server.ts";
import { nchan } from "./nchan.ts";
import { faye, socketIo, ws } from "./node-peers.ts";
import { pushpin } from "./pushpin.ts";

/** Servers that can be measured beside ours, by name. */
export const PEERS: ReadonlyMap<string, ServerKind> = new Map(
  [nchan, pushpin, socketIo, ws, faye, gatewayInMemory].map((kind) => [kind.name, kind]),
);

/** Their names. */
export const PEER_NAMES: readonly string[] = [...PEERS.keys()];
