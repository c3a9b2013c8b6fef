import { formatCursor, SluiceError, type Bus, type Clock, type EventLog } from "@sluice/core";
import type { ComponentFigures } from "@sluice/transport-xmpp";
import type { Config } from "../config/config.ts";
import type { GatewayMeter } from "../metrics/gateway-meter.ts";
import { logFigures, logFolder } from "../metrics/log-figures.ts";
import { configView } from "./config-view.ts";

/** Whether a gateway takes requests, and if not, why. */
export type Phase = "ready" | "draining" | "closed";

/** What a gateway shows of itself. */
export interface StateSource {
  readonly version: string;
  readonly clock: Clock;
  readonly log: EventLog;
  readonly bus: Bus;
  readonly meter: GatewayMeter;
  readonly startedAtMs: number;
  /** Resolves when it listens to all who may come. */
  readonly started: Promise<void>;
  readonly phase: () => Phase;
  readonly config: () => Config;
  /** Keys that differ from the configuration's since a reload, and wait for a restart. */
  readonly restartKeys: () => readonly string[];
  /** The link to another XMPP server; `null` where there is none. */
  readonly xmppComponent: () => ComponentFigures | null;
}

/** Why a gateway is not ready; `null` if it is. */
export function notReady({ phase, log }: Pick<StateSource, "phase" | "log">): SluiceError | null {
  if (phase() !== "ready") return new SluiceError("draining", "The gateway is stopping.");
  return log.isWritable
    ? null
    : new SluiceError("log-unavailable", "The log takes no events now: the gateway's own log says why.");
}

/** What `GET /admin/state` answers. */
export async function gatewayState(source: StateSource): Promise<Readonly<Record<string, unknown>>> {
  const { version, clock, log, bus, meter, startedAtMs } = source;
  const now = clock.now();
  const figures = await logFigures(log, logFolder(source.config()), now);
  const transports = [...meter.transports].map(([name, { connections, deliveries }]) => [
    name,
    { connections, deliveries },
  ]);
  return {
    version,
    started: new Date(startedAtMs).toISOString(),
    uptime_seconds: Math.round((now - startedAtMs) / 1000),
    ready: notReady(source) === null,
    phase: source.phase(),
    log: {
      epoch: log.epoch,
      oldest_cursor: formatCursor(log.epoch, figures.trimmedThrough),
      newest_cursor: formatCursor(log.epoch, figures.position),
      events: figures.events,
      bytes: figures.bytes,
      oldest_age_seconds: Math.round(figures.oldestAgeSeconds),
      writable: figures.isWritable,
      restarts: figures.restarts,
    },
    published: meter.published,
    transports: Object.fromEntries(transports),
    ...componentState(source.xmppComponent()),
    audiences: bus.audienceCount,
    needs_restart: source.restartKeys(),
    config: configView(source.config()),
  };
}

/** Why the link is down stands in `detail`: a condition of XMPP or of the system. */
function componentState(figures: ComponentFigures | null): Readonly<Record<string, unknown>> {
  if (figures === null) return {};
  const { state, detail, users, devices } = figures;
  return { xmpp_component: { state, detail, users, devices } };
}
