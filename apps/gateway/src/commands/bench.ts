import type { Command } from "../cli/command.ts";
import { CommandError, oneLine, UsageError } from "../cli/failure.ts";

/** In a checkout; what is published has no benchmark in it. */
const COMMAND = new URL("../../../bench/src/command/bench-command.ts", import.meta.url);

/**
 * `sluice bench`: measures what each transport costs, on this machine.
 * @throws {CommandError} where there is no benchmark
 */
export async function loadBench(): Promise<Command> {
  const { benchCommand } = await importBench();
  return {
    ...benchCommand,
    examples: benchCommand.examples.map(([call, does]) => [`sluice ${call}`, does]),
    async run(given, io) {
      try {
        return await benchCommand.run(given, io);
      } catch (error) {
        const isUsage = error instanceof Error && error.name === "ScenarioError";
        throw isUsage ? new UsageError(error.message) : new CommandError(oneLine(error), 1, { cause: error });
      }
    },
  };
}

async function importBench(): Promise<{ readonly benchCommand: Command }> {
  try {
    // By its address, so that nothing bundles it.
    return (await import(COMMAND.href)) as { readonly benchCommand: Command };
  } catch (error) {
    throw new CommandError(
      "the benchmark is not in this package; it is in the sources: npm run bench in a checkout of them",
      1,
      { cause: error },
    );
  }
}
