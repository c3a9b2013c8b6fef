import type { ServerKind } from "../servers/server.ts";

/** All peers, by name. */
export const PEERS: ReadonlyMap<string, ServerKind> = new Map();
