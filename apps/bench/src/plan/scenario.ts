import type { Load } from "../results.ts";
import type { TransportCase } from "../servers/server.ts";

/** A part of the load that may take several values, one after the other. */
export type SweptPart = "clients" | "topics" | "eventsPerSecond" | "eventBytes";

/** What is to be measured: one load, for each transport; or several that differ in one part. */
export interface Scenario {
  readonly name: string;
  readonly load: Load;
  /** `null`: it is one load. */
  readonly sweep: { readonly part: SweptPart; readonly values: readonly number[] } | null;
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
  sweep: null,
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

/** All loads that a scenario asks for. */
export function loadsOf({ load, sweep }: Scenario): readonly Load[] {
  return sweep === null ? [load] : sweep.values.map((value) => ({ ...load, [sweep.part]: value }));
}

/** What is measured of each transport; polling once for each interval. */
export function casesOf({ transports, pollIntervalsMs }: Scenario): readonly TransportCase[] {
  return transports.flatMap((transport): readonly TransportCase[] =>
    (transport === "polling" ? pollIntervalsMs : [null]).map((intervalMs) => ({
      transport,
      intervalMs,
      label: caseName(transport, intervalMs),
    })),
  );
}

/** What people call it: `polling every 1 s`, `SSE`. */
export function caseName(transport: string, intervalMs: number | null): string {
  const name = NAMES[transport] ?? transport;
  return intervalMs === null ? name : `${name} every ${intervalMs / 1000} s`;
}
