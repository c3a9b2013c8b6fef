import { STAMP_BYTES } from "../load/stamp.ts";
import { PEER_NAMES } from "../peers/peers.ts";
import { parseCount, parseDuration, parseList, parseNames, parseRate, parseSize, QuantityError } from "./quantity.ts";
import { loadsOf, TRANSPORTS, type Scenario, type SweptPart } from "./scenario.ts";

/** A scenario that can't be, in one sentence. */
export class ScenarioError extends Error {
  override readonly name: string = "ScenarioError";
}

type Change = (scenario: Scenario, value: unknown) => Scenario;

/** Of one value or, for a sweep, of several; the last one to be said holds. */
const load =
  (part: SweptPart, parse: (value: unknown) => number): Change =>
  (scenario, value) => {
    const values = [...new Set(parseList(value).map(parse))];
    const [first = 0] = values;
    const kept = scenario.sweep?.part === part ? null : scenario.sweep;
    if (kept !== null && values.length > 1) {
      throw new ScenarioError("only one of clients, topics, rate and size can have several values");
    }
    const sweep = values.length > 1 ? { part, values } : kept;
    return { ...scenario, load: { ...scenario.load, [part]: first }, sweep };
  };

/** What a file and the flags may say; both are read alike. */
const CHANGES: Readonly<Record<string, Change>> = {
  name: (scenario, value) => ({ ...scenario, name: String(value) }),
  clients: load("clients", parseCount(1, 100_000)),
  topics: load("topics", parseCount(1, 10_000)),
  rate: load("eventsPerSecond", parseRate),
  size: load("eventBytes", parseSize),
  window: (scenario, value) => ({ ...scenario, load: { ...scenario.load, durationMs: parseDuration(value) } }),
  lead: (scenario, value) => ({ ...scenario, leadMs: parseDuration(value) }),
  settle: (scenario, value) => ({ ...scenario, settleMs: parseDuration(value) }),
  drain: (scenario, value) => ({ ...scenario, drainMs: parseDuration(value) }),
  patience: (scenario, value) => ({ ...scenario, patienceMs: parseDuration(value) }),
  cut: (scenario, value) => ({ ...scenario, cutMs: parseDuration(value) }),
  storm: (scenario, value) => ({ ...scenario, hasStorm: parseNames(["true", "false"])(value)[0] === "true" }),
  transports: (scenario, value) => ({ ...scenario, transports: parseNames(TRANSPORTS)(value) }),
  intervals: (scenario, value) => ({ ...scenario, pollIntervalsMs: [...new Set(parseList(value).map(parseDuration))] }),
  peers: (scenario, value) => ({ ...scenario, peers: parseNames(PEER_NAMES)(value) }),
  client_processes: (scenario, value) => ({ ...scenario, clientProcesses: parseCount(1, 64)(value) }),
};

/** Names of all that a scenario may say. */
export const SCENARIO_KEYS: readonly string[] = Object.keys(CHANGES);

/**
 * A scenario with some things said anew.
 * @param where names the key in a fault: `clients` or `--clients`
 * @throws {ScenarioError}
 */
export function readScenario(
  base: Scenario,
  said: Readonly<Record<string, unknown>>,
  where: (key: string) => string,
): Scenario {
  let scenario = base;
  for (const [key, value] of Object.entries(said)) {
    const change = Object.hasOwn(CHANGES, key) ? CHANGES[key] : undefined;
    if (change === undefined) throw new ScenarioError(`${where(key)} is unknown; expected ${SCENARIO_KEYS.join(", ")}`);
    const before = scenario;
    scenario = parsedAt(where(key), () => change(before, value));
  }
  return checked(scenario);
}

/** What `parse` makes of something that was said there. @throws {ScenarioError} if that is no such quantity */
export function parsedAt<Parsed>(where: string, parse: () => Parsed): Parsed {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof QuantityError)) throw error;
    throw new ScenarioError(`${where}: expected ${error.message}`, { cause: error });
  }
}

function checked(scenario: Scenario): Scenario {
  for (const { clients, topics, durationMs, eventBytes } of loadsOf(scenario)) {
    if (topics > clients) throw new ScenarioError(`${topics} topics need as many clients at least, not ${clients}`);
    if (durationMs === 0) throw new ScenarioError("the window is empty");
    if (eventBytes < STAMP_BYTES + 2) {
      throw new ScenarioError(`an event needs ${STAMP_BYTES + 2} bytes to be recognised`);
    }
  }
  if (scenario.pollIntervalsMs.includes(0)) throw new ScenarioError("polling needs an interval above 0");
  return scenario;
}
