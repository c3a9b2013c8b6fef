import { join } from "node:path";
import { restHooks, type RestHooks } from "@sluice/transport-rest-hooks";
import type { Config } from "./config/config.ts";

/** Where the gateway listens; empty before it does. */
export interface OwnUrls {
  readonly public: string;
  readonly admin: string;
}

/** The hooks, if they are on: beside the log, or in memory with it. */
export function createHooks({ transports, log, public: front }: Config, own: () => OwnUrls): RestHooks | null {
  if (transports.restHooks === false) return null;
  return restHooks({
    ...transports.restHooks,
    path: log.kind === "sqlite" ? join(log.path, "hooks.db") : null,
    source: front.source,
    prefix: front.prefix,
    ownPorts: () =>
      Object.values(own())
        .filter(Boolean)
        .map((url: string) => Number(new URL(url).port)),
    publicUrl: () => own().public,
  });
}
