import type { IncomingHttpHeaders } from "node:http";
import { HttpFault } from "../http-fault.ts";
import { acceptsEventStream } from "../header-values.ts";
import type { HttpTransport } from "../http-transport.ts";
import { invalidParameter } from "./query.ts";
import { headerOf, type ReadParameters } from "./read-parameters.ts";

/** Every transport that `transport=` may name, switched on or off. */
const NAMES: readonly string[] = ["polling", "long-polling", "sse", "websocket", "iframe"];

/** What there is to choose by. */
export interface Wishes {
  readonly headers: IncomingHttpHeaders;
  /** Whether the request came as an upgrade to WebSocket that can still be accepted. */
  readonly isUpgrade: boolean;
}

/**
 * The transport of a request: `transport=` in the query, else `Upgrade`, `Accept`, `Prefer: wait` or `wait=`, in this
 * order, else polling.
 * @throws {SluiceError} `transport-off` (listing those on), `upgrade-required`, `invalid-parameter`
 */
export function negotiate(
  { headers, isUpgrade }: Wishes,
  asked: Pick<ReadParameters, "transport" | "waitMs" | "options">,
  transports: readonly HttpTransport[],
): HttpTransport {
  const name = asked.transport ?? nameBySigns(headers, isUpgrade, asked.waitMs);
  if (!NAMES.includes(name) && !transports.some((transport) => transport.name === name)) {
    throw invalidParameter("transport", `transport must be one of ${NAMES.join(", ")}`);
  }
  // A callback is comet's: off with it.
  const isOff = asked.options.callback !== null && !transports.some((transport) => transport.name === "iframe");
  const chosen = transports.find((transport) => transport.name === name);
  if (chosen === undefined || isOff) throw transportOff(chosen === undefined ? name : "comet", transports);
  if (chosen.respond === undefined && !isUpgrade) {
    throw new HttpFault("upgrade-required", `The transport ${name} needs a WebSocket upgrade.`, {
      headers: { upgrade: "websocket", connection: "upgrade" },
    });
  }
  return chosen;
}

function nameBySigns(headers: IncomingHttpHeaders, isUpgrade: boolean, waitMs: number | null): string {
  const hasUpgradeHeader = headers.upgrade?.toLowerCase().includes("websocket") === true;
  if (isUpgrade || hasUpgradeHeader) return "websocket";
  if (acceptsEventStream(headerOf(headers, "accept"))) return "sse";
  return waitMs === null ? "polling" : "long-polling";
}

function transportOff(name: string, transports: readonly HttpTransport[]): HttpFault {
  const names = transports.map((transport) => transport.name);
  return new HttpFault("transport-off", `The transport ${name} is switched off. On: ${names.join(", ") || "none"}.`, {
    members: { transports: names },
  });
}
