import type { Results, Run } from "../../src/results.ts";

const NOTHING = { lost: 0, doubled: 0, disordered: 0 } as const;

/** A run in which all went well. */
export function sampleRun(changes: Partial<Run> = {}): Run {
  return {
    server: "sluice",
    transport: "websocket",
    intervalMs: null,
    label: "WebSocket",
    load: { clients: 200, topics: 10, eventsPerSecond: 50, eventBytes: 200, durationMs: 5000 },
    deliveries: 5000,
    delay: {
      p50Ms: 1.25,
      p90Ms: 2.5,
      p99Ms: 4.5,
      worstMs: 1234,
      histogram: [
        [1, 2000],
        [2, 2500],
        [4, 499],
        [2048, 1],
      ],
    },
    requests: { total: 200, perDelivery: 0.04, wasted: 12 },
    wire: { upBytesPerDelivery: 0.25, downBytesPerDelivery: 262 },
    cpu: { userUsPerDelivery: 6.5, systemUsPerDelivery: 4 },
    memory: { idleBytesPerClient: 8806, busyBytesPerClient: 9523 },
    losses: NOTHING,
    catchUp: { cutMs: 5000, wholeAfterMs: 150, losses: NOTHING },
    storm: { wholeAfterMs: 420, losses: NOTHING },
    generator: { cpuShare: 0.31, worstLagMs: 4, isSaturated: false },
    ...changes,
  };
}

/** A benchmark with these runs. */
export function sampleResults(runs: readonly Run[], changes: Partial<Results> = {}): Results {
  return {
    format: 1,
    startedAt: "2026-11-24T10:00:00.000Z",
    durationMs: 61_000,
    machine: { cpu: "A processor", cores: 2, memoryBytes: 2 ** 34, system: "Linux 6.1", otherCores: 0.1 },
    versions: { node: "24.21.0", sluice: "0.1.0" },
    git: { revision: "0123456789abcdef", isDirty: false },
    scenario: "full",
    runs,
    skipped: [],
    ...changes,
  };
}
