import type { Load } from "../results.ts";
import type { ServerKind, TransportCase } from "../servers/server.ts";
import { casesOf, loadsOf, type Scenario } from "./scenario.ts";
import { sweptText } from "./swept.ts";

/** One run of the plan. */
export interface PlannedRun {
  readonly kind: ServerKind;
  readonly what: TransportCase;
  readonly load: Load;
  /** How long it takes on a machine that has nothing else to do, about. */
  readonly estimateMs: number;
}

const START_MS = 1200;
const CONNECTS_PER_SECOND = 500;
const CLOSE_MS = 300;
/** What comes back comes back by and by, pollers within their interval. */
const COME_BACK_MS = 400;

/**
 * All runs, the servers of a transport under a load one after the other: what is compared is measured in the same
 * minutes. In a sweep the labels have the value, since they are to be unique.
 */
export function planOf(scenario: Scenario, kinds: readonly ServerKind[]): readonly PlannedRun[] {
  return casesOf(scenario).flatMap((plain) =>
    loadsOf(scenario).flatMap((load) => {
      const { sweep } = scenario;
      const what = sweep === null ? plain : { ...plain, label: `${plain.label}, ${sweptText(sweep.part, load)}` };
      return kinds
        .filter(({ transports }) => transports.includes(what.transport))
        .map((kind) => ({ kind, what, load, estimateMs: estimateMs({ ...scenario, load }, what) }));
    }),
  );
}

function estimateMs({ load, leadMs, settleMs, cutMs, hasStorm }: Scenario, { intervalMs }: TransportCase): number {
  const waitMs = intervalMs ?? 0;
  const openMs = START_MS + 2 * settleMs + (load.clients / CONNECTS_PER_SECOND) * 1000;
  const measureMs = leadMs + waitMs + load.durationMs + waitMs;
  const cuts = (cutMs > 0 ? cutMs + waitMs + COME_BACK_MS : 0) + (hasStorm ? waitMs + COME_BACK_MS : 0);
  return openMs + measureMs + cuts + CLOSE_MS;
}
