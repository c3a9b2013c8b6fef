// `npm run bench`: the command by itself, without the gateway's.
import { parseArgs } from "node:util";
import { benchCommand } from "./command/bench-command.ts";
import { helpText } from "./command/help.ts";
import { ScenarioError } from "./plan/read-scenario.ts";

const { options } = benchCommand;

try {
  const { values, positionals } = read(process.argv.slice(2));
  const given = {
    positionals,
    has: (name: string) => values[name] !== undefined,
    text: (name: string) => (typeof values[name] === "string" ? values[name] : undefined),
  };
  if (given.has("help")) process.stdout.write(helpText(benchCommand));
  else process.exitCode = await benchCommand.run(given, process);
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = isMisuse(error) ? 2 : 1;
}

/** Whether it was asked for something that there is not. */
function isMisuse(error: unknown): boolean {
  return error instanceof ScenarioError || (error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS") === true;
}

/** @throws if there is no such option, or it has no value */
function read(args: readonly string[]): {
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
} {
  const types = Object.entries(options).map(
    ([name, { value }]) => [name, { type: value === undefined ? "boolean" : "string" }] as const,
  );
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { ...Object.fromEntries(types), help: { type: "boolean", short: "h" } },
  });
}
