import { generate, type Measured } from "./fanload.ts";
import { withServer, type Kind, type ServerKind } from "./servers.ts";

/** One line of the result. */
export interface Row {
  readonly scenario: string;
  readonly kind: Kind;
  readonly server: string;
  readonly measured: Measured;
  /** Events per second that were published. */
  readonly rate: number;
}

/** Latency that a sustained rate keeps to, at the 99th percentile. */
const SUSTAINED_MS = 200;
const SEARCH_STEPS = 8;

const base = (kind: Kind, server: ServerKind, options: Readonly<Record<string, number>>): readonly string[] => [
  "--kind",
  kind,
  ...(server.subscribe(kind) ?? []),
  // The receiver never sleeps, so that the server isn't charged for waking it.
  ...Object.entries({ payload: 100, warmup: 0.8, drain: 3, "nap-us": 100, ...options }).flatMap(([name, value]) => [
    `--${name}`,
    String(value),
  ]),
];

async function once(
  scenario: string,
  kind: Kind,
  server: ServerKind,
  options: Readonly<Record<string, number>>,
): Promise<Row> {
  const measured = await withServer(server, (target) => generate([...target, ...base(kind, server, options)]));
  return { scenario, kind, server: server.name, measured, rate: options["rate"] ?? 0 };
}

/** 1 000 readers of one topic, 30 events/s of 100 bytes: what one delivery costs. */
export const fanOut = (kind: Kind, server: ServerKind): Promise<Row> =>
  once("fan-out", kind, server, { n: 1000, rate: 30, duration: 4 });

/** 10 000 readers and no event: what one that waits costs. */
export const idle = (kind: Kind, server: ServerKind): Promise<Row> =>
  once("idle", kind, server, { n: 10_000, idle: 3 });

/** 1 000 readers of one topic, one publisher: the highest rate at which 99 % arrive within 200 ms and nothing is lost. */
export async function rate(kind: Kind, server: ServerKind): Promise<Row> {
  const closed = await once("rate", kind, server, { n: 1000, rate: 0, duration: 3 });
  let best: Row | null = null;
  let bad = Number.POSITIVE_INFINITY;
  let next = Math.max(closed.measured.deliv_per_s / 1000, 2) * 0.95;
  for (let step = 0; step < SEARCH_STEPS; step += 1) {
    // Each trial depends on the one before it.
    const trial = await once("rate", kind, server, { n: 1000, rate: Number(next.toPrecision(3)), duration: 3 });
    if (isSustained(trial.measured)) best = best === null || trial.rate > best.rate ? trial : best;
    else bad = Math.min(bad, trial.rate);
    if (best !== null && best.rate * 1.05 > bad) break;
    if (best === null) next *= 0.8;
    else next = bad === Number.POSITIVE_INFINITY ? best.rate * 1.15 : (best.rate + bad) / 2;
  }
  if (best === null) throw new Error(`${server.name} sustained no rate on ${kind}`);
  return best;
}

function isSustained(measured: Measured): boolean {
  const { p99_ms: p99Ms, lost, unacked, not_sent: notSent, disconnects, pub_err: refused } = measured;
  return p99Ms >= 0 && p99Ms < SUSTAINED_MS && lost + unacked + notSent + disconnects + refused === 0;
}
