import type { Losses, Results, Run } from "../results.ts";
import { allLosses, cpuUs, isSameRun, nameOf, wireBytes } from "./run-figures.ts";

/** What is compared; all are better when they are smaller. */
const FIGURES: Readonly<Record<FigureName, (run: Run) => number | null>> = {
  p50Ms: ({ delay }) => delay.p50Ms,
  p99Ms: ({ delay }) => delay.p99Ms,
  requestsPerDelivery: ({ requests }) => requests.perDelivery,
  wireBytesPerDelivery: wireBytes,
  cpuUsPerDelivery: cpuUs,
  idleBytesPerClient: ({ memory }) => memory?.idleBytesPerClient ?? null,
  busyBytesPerClient: ({ memory }) => memory?.busyBytesPerClient ?? null,
  wholeAfterCutMs: ({ catchUp }) => catchUp?.wholeAfterMs ?? null,
  wholeAfterStormMs: ({ storm }) => storm?.wholeAfterMs ?? null,
};

/** Their names. */
export type FigureName =
  | "p50Ms"
  | "p99Ms"
  | "requestsPerDelivery"
  | "wireBytesPerDelivery"
  | "cpuUsPerDelivery"
  | "idleBytesPerClient"
  | "busyBytesPerClient"
  | "wholeAfterCutMs"
  | "wholeAfterStormMs";

/** Machines are noisy: what moved less is not worth a line. */
const NOISE = 0.1;

/** What has changed from one benchmark to another; for programs the shape of `--compare --json`. */
export interface Comparison {
  readonly before: Side;
  readonly after: Side;
  readonly isSameMachine: boolean;
  /** Of runs that are in both: same server, transport and load. */
  readonly runs: readonly RunChange[];
  /** By name: runs that the other one has not, or not under that load. */
  readonly onlyBefore: readonly string[];
  readonly onlyAfter: readonly string[];
}

/** What was compared. */
export type Side = Pick<Results, "startedAt" | "scenario" | "git" | "machine">;

/** A value on both sides. */
export interface Pair<Value> {
  readonly before: Value;
  readonly after: Value;
}

/** What has changed in a run. */
export interface RunChange {
  readonly name: string;
  /** Those that moved by more than a tenth; `null` was not measured. */
  readonly figures: Partial<Readonly<Record<FigureName, Pair<number | null>>>>;
  /** Always told, whether they changed or not. */
  readonly losses: Pair<Losses>;
  /** Whether its delays are the generator's, too. */
  readonly isSaturated: Pair<boolean>;
}

/** Compares runs where server, transport and load are the same. */
export function compare(before: Results, after: Results): Comparison {
  const pairs = after.runs.flatMap((run) => {
    const old = before.runs.find((candidate) => isSameRun(candidate, run));
    return old === undefined ? [] : [{ before: old, after: run }];
  });
  const only = (runs: readonly Run[], others: readonly Run[]): readonly string[] =>
    runs.filter((run) => !others.some((other) => isSameRun(run, other))).map(nameOf);
  return {
    before: sideOf(before),
    after: sideOf(after),
    isSameMachine: before.machine.cpu === after.machine.cpu && before.machine.cores === after.machine.cores,
    runs: pairs.map(changeOf),
    onlyBefore: only(before.runs, after.runs),
    onlyAfter: only(after.runs, before.runs),
  };
}

function sideOf({ startedAt, scenario, git, machine }: Results): Side {
  return { startedAt, scenario, git, machine };
}

function changeOf({ before, after }: Pair<Run>): RunChange {
  const both = <Value>(of: (run: Run) => Value): Pair<Value> => ({ before: of(before), after: of(after) });
  const figures = Object.entries(FIGURES).map(([name, of]) => [name, both(of)] as const);
  return {
    name: nameOf(after),
    figures: Object.fromEntries(figures.filter(([, pair]) => hasMoved(pair))),
    losses: both(allLosses),
    isSaturated: both(({ generator }) => generator.isSaturated),
  };
}

function hasMoved({ before, after }: Pair<number | null>): boolean {
  if (before === null || after === null) return before !== after;
  return before === 0 ? after !== 0 : Math.abs(after / before - 1) > NOISE;
}
