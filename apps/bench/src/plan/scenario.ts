import type { Load } from "../results.ts";
import type { TransportCase } from "../servers/server.ts";

/** What is to be measured: one load, for each transport. */
export interface Scenario {
  readonly name: string;
  readonly load: Load;
  /** The load goes on for so long before it is measured; polling by the clock begins an interval earlier. */
  readonly leadMs: number;
  /** How long the server is left alone before its memory is looked at. */
  readonly settleMs: number;
  /** How long stragglers are waited for at the end of each part; what has not come by then is lost. */
  readonly drainMs: number;
  /** How long is waited, after a cut, until all have everything. */
  readonly patienceMs: number;
  /** Over how many processes the clients are spread. */
  readonly clientProcesses: number;
  /** How long clients are away in the cut; 0: there is no cut. */
  readonly cutMs: number;
  readonly hasStorm: boolean;
  readonly transports: readonly string[];
  readonly pollIntervalsMs: readonly number[];
  /** Other servers to be measured beside, by name. */
  readonly peers: readonly string[];
}

/** What people call them; in the order of the report. */
const NAMES: Readonly<Record<string, string>> = {
  polling: "polling",
  "long-polling": "long polling",
  sse: "SSE",
  websocket: "WebSocket",
  "xmpp-tcp": "XMPP over TCP",
  bosh: "BOSH",
  "xmpp-websocket": "XMPP over WebSocket",
  "rest-hooks": "REST Hooks",
};

/** All transports of the gateway. */
export const TRANSPORTS: readonly string[] = Object.keys(NAMES);

/** Everything, in a few minutes. */
export const FULL: Scenario = {
  name: "full",
  load: { clients: 500, topics: 2, eventsPerSecond: 10, eventBytes: 200, durationMs: 10_000 },
  leadMs: 1000,
  settleMs: 500,
  drainMs: 5000,
  // The slowest are hooks, whose breaker waits half a minute.
  patienceMs: 60_000,
  clientProcesses: 1,
  cutMs: 5000,
  hasStorm: true,
  transports: TRANSPORTS,
  pollIntervalsMs: [200, 1000, 5000],
  peers: [],
};

/** All transports below a minute: a first look, too short for figures that last. */
export const QUICK: Scenario = {
  ...FULL,
  name: "quick",
  load: { clients: 200, topics: 2, eventsPerSecond: 10, eventBytes: 200, durationMs: 1000 },
  leadMs: 300,
  settleMs: 200,
  cutMs: 400,
  // Every five seconds would take a third of the time.
  pollIntervalsMs: [200, 1000],
};

/** What is measured of each transport; polling once for each interval. */
export function casesOf({ transports, pollIntervalsMs }: Scenario): readonly TransportCase[] {
  return transports.flatMap((transport): readonly TransportCase[] =>
    transport === "polling"
      ? pollIntervalsMs.map((intervalMs) => ({
          transport,
          intervalMs,
          label: `polling every ${intervalMs / 1000} s`,
        }))
      : [{ transport, intervalMs: null, label: NAMES[transport] ?? transport }],
  );
}
