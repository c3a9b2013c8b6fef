import type { HttpTransport } from "@sluice/http";
import { comet } from "@sluice/transport-comet";
import { longPolling } from "@sluice/transport-long-polling";
import { polling } from "@sluice/transport-polling";
import { sse } from "@sluice/transport-sse";
import { websocket } from "@sluice/transport-websocket";
import type { Config } from "./config/config.ts";

/** Comet is there for the record, and has no settings of its own. */
const COMET = { heartbeatMs: 15_000, retryMs: 2000 };

/** The transports that are switched on. One is added with a folder of its own, and a line here. */
export function createTransports(config: () => Config): readonly HttpTransport[] {
  const on = config().transports;
  return [
    on.websocket && websocket({ ...on.websocket, limits: () => config().limits }),
    on.sse && sse(on.sse),
    on.longPolling && longPolling(on.longPolling),
    on.polling && polling(on.polling),
    on.comet && comet(COMET),
  ].filter((transport) => transport !== false);
}
