import { ScenarioError } from "../plan/read-scenario.ts";
import { buildGenerator } from "./fanload.ts";
import { table } from "./fan-out-table.ts";
import { fanOut, idle, rate, type Row } from "./scenarios.ts";
import { SERVERS, type Kind, type ServerKind } from "./servers.ts";

const SCENARIOS: Readonly<Record<string, (kind: Kind, server: ServerKind) => Promise<Row>>> = {
  "fan-out": fanOut,
  idle,
  rate,
};
const ROUNDED = "fan-out";

/** What can be measured with the generator in C. */
export const FAN_OUT_MODES: readonly string[] = Object.keys(SCENARIOS);
/** Beside what. */
export const FAN_OUT_SERVERS: readonly string[] = SERVERS.map(({ name }) => name);

/** What is to be measured, by name. */
export interface FanOutOptions {
  readonly modes: readonly string[];
  readonly kinds: readonly string[];
  readonly servers: readonly string[];
  /** Of `fan-out`; the others are measured once. */
  readonly rounds: number;
  /** Hears what is running. */
  readonly onStep: (step: string) => void;
}

/** Measures all that, one after the other. @throws if there is no such thing, or it can't be measured */
export async function measureFanOut(options: FanOutOptions): Promise<readonly Row[]> {
  const kinds = chosen<Kind>(options.kinds, ["ws", "sse"], String);
  const servers = chosen(options.servers, SERVERS, ({ name }) => name);
  const modes = chosen(options.modes, Object.entries(SCENARIOS), ([name]) => name);
  await buildGenerator();
  const rows: Row[] = [];
  for (const [name, scenario] of modes) {
    // One round of all servers after the other, since a machine's speed drifts.
    const rounds = name === ROUNDED ? options.rounds : 1;
    for (const kind of kinds) {
      for (let round = 1; round <= rounds; round += 1) {
        for (const server of servers.filter((candidate) => candidate.subscribe(kind) !== null)) {
          options.onStep(`${name}, ${kind}, ${server.name}, round ${round} of ${rounds}`);
          // Side by side they would measure each other.
          rows.push(await scenario(kind, server));
        }
      }
    }
  }
  return rows;
}

/** The rows as text. */
export function fanOutText(rows: readonly Row[], isJson: boolean): string {
  return isJson ? `${JSON.stringify(rows)}\n` : table(rows);
}

function chosen<Item>(names: readonly string[], all: readonly Item[], nameOf: (item: Item) => string): readonly Item[] {
  return names.map((name) => {
    const found = all.find((item) => nameOf(item) === name);
    if (found === undefined) throw new ScenarioError(`there is no ${name}: choose from ${all.map(nameOf).join(", ")}`);
    return found;
  });
}
