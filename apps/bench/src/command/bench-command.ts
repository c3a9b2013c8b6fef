import { measureFanOut, fanOutText, FAN_OUT_MODES } from "../fan-out/fan-out.ts";
import { runScenario } from "../measure/run-scenario.ts";
import { PEERS } from "../peers/peers.ts";
import { parseCount } from "../plan/quantity.ts";
import { parsedAt, readScenario, ScenarioError } from "../plan/read-scenario.ts";
import { scenarioFile } from "../plan/scenario-file.ts";
import { FULL, QUICK, type Scenario } from "../plan/scenario.ts";
import type { ProgressOutput } from "../progress/progress.ts";
import { compare } from "../report/compare.ts";
import { comparisonText } from "../report/comparison-text.ts";
import { terminalTable } from "../report/terminal-table.ts";
import { gateway } from "../servers/gateway.ts";
import {
  COMPARE_OPTIONS,
  FAN_OUT_OPTIONS,
  OPTIONS,
  RUN_OPTIONS,
  SCENARIO_OPTIONS,
  type OptionSpec,
} from "./options.ts";
import { makeFolder, readResults, writeResults } from "./results-files.ts";

/** What the command was called with. */
export interface Given {
  readonly positionals: readonly string[];
  has(name: string): boolean;
  text(name: string): string | undefined;
}

/** What the command sees of its process. */
export interface Io {
  readonly stdout: ProgressOutput;
  readonly stderr: ProgressOutput;
}

const DEFAULT_FOLDER = "bench-results";
const INTERRUPTED = 1;

/** `bench`, for `npm run bench` and `sluice bench` alike. */
export const benchCommand: {
  readonly usage: string;
  readonly arguments: { readonly min: number; readonly max: number };
  readonly details: readonly string[];
  readonly options: Readonly<Record<string, OptionSpec>>;
  readonly examples: readonly (readonly [string, string])[];
  /** Does it. @throws one line for people if it can't */
  run(given: Given, io: Io): Promise<0 | 1>;
} = {
  usage: `[${FAN_OUT_MODES.join("|")} …]`,
  arguments: { min: 0, max: FAN_OUT_MODES.length },
  details: [
    "Measures what each transport costs, and what it gives: the gateway in a process of its own, its clients and its " +
      "publisher in others. Prints tables and writes results.json and report.html. Ctrl-C ends it with what is there.",
    `${FAN_OUT_MODES.join(", ")}: measured with a generator in C instead (Linux, a C compiler): CPU per delivery to ` +
      "1 000 readers of one topic, memory of 10 000 that wait, and the highest rate.",
  ],
  options: OPTIONS,
  examples: [
    ["bench --quick", "A first look."],
    ["bench --transports sse,websocket --clients 2000 --rate 5", "Two transports, more readers."],
    ["bench --peers nchan,ws --out before", "Everything, beside two others; kept in the folder before."],
    ["bench --compare before/results.json after/results.json", "What changed."],
    ["bench rate --kind ws --server sluice-memory,nchan-2w", "The highest rate, with the generator in C."],
  ],
  run,
};

async function run(given: Given, io: Io): Promise<0 | 1> {
  const before = given.text("compare");
  if (before !== undefined) return compareFiles(before, given, io);
  if (given.positionals.length > 0) return runFanOut(given, io);
  return runTransports(given, io);
}

async function compareFiles(before: string, given: Given, { stdout }: Io): Promise<0> {
  refuseOthers(given, COMPARE_OPTIONS, "with --compare");
  const [after, ...more] = given.positionals;
  if (after === undefined || more.length > 0) throw new ScenarioError("--compare needs two files, one after the other");
  const comparison = compare(await readResults(before), await readResults(after));
  stdout.write(given.has("json") ? `${JSON.stringify(comparison, null, 2)}\n` : comparisonText(comparison));
  return 0;
}

async function runFanOut(given: Given, { stdout, stderr }: Io): Promise<0> {
  const unknown = given.positionals.find((mode) => !FAN_OUT_MODES.includes(mode));
  if (unknown !== undefined) throw new ScenarioError(`there is no ${unknown}: choose from ${FAN_OUT_MODES.join(", ")}`);
  refuseOthers(given, FAN_OUT_OPTIONS, `with ${given.positionals.join(", ")}`);
  const rows = await measureFanOut({
    modes: given.positionals,
    kinds: (given.text("kind") ?? "ws,sse").split(","),
    servers: (given.text("server") ?? "sluice,sluice-memory,ws-tuned").split(","),
    rounds: parsedAt("--rounds", () => parseCount(1, 100)(given.text("rounds") ?? 3)),
    onStep: (step) => stderr.write(`${step}\n`),
  });
  stdout.write(fanOutText(rows, given.has("json")));
  return 0;
}

async function runTransports(given: Given, { stdout, stderr }: Io): Promise<0 | 1> {
  refuseOthers(given, RUN_OPTIONS, `without ${FAN_OUT_MODES.join(", ")}`);
  const scenario = await scenarioOf(given);
  const folder = given.text("out") ?? DEFAULT_FOLDER;
  await makeFolder(folder);
  const peers = scenario.peers.flatMap((name) => PEERS.get(name) ?? []);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort(new Error("stopped"));
  // Whoever presses it twice waits for the same end: a server that nobody ends any more would stay behind.
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    const results = await runScenario(scenario, { kinds: [gateway, ...peers], signal: stop.signal, output: stderr });
    // Before anything is written: what has been measured is seen, even if the disk is full by now.
    stdout.write(given.has("json") ? `${JSON.stringify(results, null, 2)}\n` : terminalTable(results));
    const { results: file, report } = await writeResults(results, folder);
    stderr.write(`${file}\n${report}\n`);
    return stop.signal.aborted || results.runs.length === 0 ? INTERRUPTED : 0;
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

/** @throws {ScenarioError} if an option was given that would change nothing */
function refuseOthers(given: Given, meant: Readonly<Record<string, OptionSpec>>, where: string): void {
  const other = Object.keys(OPTIONS).find((name) => given.has(name) && !Object.hasOwn(meant, name));
  if (other !== undefined) throw new ScenarioError(`--${other} means nothing ${where}`);
}

async function scenarioOf(given: Given): Promise<Scenario> {
  const file = given.text("scenario");
  if (file !== undefined && given.has("quick")) throw new ScenarioError("--quick is a scenario, and so is --scenario");
  const base = file === undefined ? (given.has("quick") ? QUICK : FULL) : await scenarioFile(file);
  const said = Object.keys(SCENARIO_OPTIONS).flatMap((name) => {
    const text = given.text(name);
    return text === undefined ? [] : [[name.replaceAll("-", "_"), text] as const];
  });
  const scenario = readScenario(base, Object.fromEntries(said), (key) => `--${key.replaceAll("_", "-")}`);
  if (given.has("intervals") && !scenario.transports.includes("polling")) {
    throw new ScenarioError("--intervals means nothing without polling");
  }
  return scenario;
}
