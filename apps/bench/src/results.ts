/**
 * What a benchmark has found: the shape of `results.json`. Times are milliseconds, sizes bytes, CPU microseconds.
 * `null` is "not measured", which is never shown as 0.
 */

/** The load that a run was under. */
export interface Load {
  readonly clients: number;
  readonly topics: number;
  /** Events per second over all topics. */
  readonly eventsPerSecond: number;
  /** Of an event's `data`. */
  readonly eventBytes: number;
  readonly durationMs: number;
}

/** How long events took from when they were due to be published to their arrival. */
export interface Delay {
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
  /** `[at most so many ms, deliveries]`, in ascending order, logarithmic, empty buckets left out. */
  readonly histogram: readonly (readonly [upToMs: number, deliveries: number])[];
}

/** What went wrong with deliveries; all 0 in a run that can be believed. */
export interface Losses {
  readonly lost: number;
  readonly doubled: number;
  readonly disordered: number;
}

/** One transport of one server under one load. */
export interface Run {
  /** `sluice`, or the peer's name. */
  readonly server: string;
  /** `polling`, `long-polling`, `sse`, `websocket`, `xmpp-tcp`, `bosh`, `xmpp-websocket`, `rest-hooks`. */
  readonly transport: string;
  /** For polling. */
  readonly intervalMs: number | null;
  /** For people, unique within a server: `polling every 1 s`. */
  readonly label: string;
  readonly load: Load;
  /** Deliveries that arrived while it was measured. */
  readonly deliveries: number;
  readonly delay: Delay;
  /** HTTP requests, or frames that ask for something, of all clients; `wasted` had no event in their answer. */
  readonly requests: { readonly total: number; readonly perDelivery: number; readonly wasted: number };
  /** Counted at the clients' sockets, heads and framing included, TLS, TCP and IP not. */
  readonly wire: { readonly upBytesPerDelivery: number; readonly downBytesPerDelivery: number };
  /** Of all the server's processes. `null` where the system does not tell. */
  readonly cpu: { readonly userUsPerDelivery: number; readonly systemUsPerDelivery: number } | null;
  /** Resident, above that of the server without clients, by client: when nothing happens and under the load. */
  readonly memory: { readonly idleBytesPerClient: number; readonly busyBytesPerClient: number } | null;
  readonly losses: Losses;
  /**
   * All clients are cut off for `cutMs` while events go on: from the end of the cut until all have everything; `null` if
   * they never had.
   */
  readonly catchUp: { readonly cutMs: number; readonly wholeAfterMs: number | null; readonly losses: Losses } | null;
  /** All connections are cut at once: from then until all clients are connected and have everything; `null`: never. */
  readonly storm: { readonly wholeAfterMs: number | null; readonly losses: Losses } | null;
  /** Whether the figures are the server's and not the generator's. */
  readonly generator: {
    /** Busy share of one core, by the busiest process of the generator. */
    readonly cpuShare: number;
    /** How late the generator's own clock ran at worst. */
    readonly worstLagMs: number;
    readonly isSaturated: boolean;
  };
}

/** A whole benchmark. */
export interface Results {
  readonly format: 1;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryBytes: number;
    readonly system: string;
    /** Load by other processes while it ran, in cores; the mean. */
    readonly otherCores: number | null;
  };
  /** By name: `node`, `sluice`, and each peer's. */
  readonly versions: Readonly<Record<string, string>>;
  readonly git: { readonly revision: string; readonly isDirty: boolean } | null;
  /** The scenario's name: `quick`, `full`, or that of a file. */
  readonly scenario: string;
  readonly runs: readonly Run[];
  /** What could not be measured, and why; one sentence each. */
  readonly skipped: readonly string[];
}
