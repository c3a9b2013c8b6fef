import type { Arguments } from "../cli/arguments.ts";
import type { Io, OptionSpec } from "../cli/command.ts";
import { UsageError } from "../cli/failure.ts";
import { loadConfig, type LoadResult } from "../config/load-config.ts";
import { parseSet } from "../config/override.ts";

/** Variables with our prefix that are the commands' own and no keys of the configuration. */
const OTHER_VARIABLES: readonly string[] = ["SLUICE_TOKEN"];

/** The options of every command that reads the configuration. */
export const configOptions: Readonly<Record<string, OptionSpec>> = {
  config: {
    value: "FILE",
    help: "The configuration, YAML or JSON; unless given, SLUICE_CONFIG, else sluice.yaml, sluice.yml or sluice.json if it is there.",
    short: "c",
  },
  set: {
    value: "KEY=VALUE",
    help: "Sets one key above the file and the environment, e.g. --set limits.event=64KiB.",
    isRepeatable: true,
  },
};

/** Loads the configuration that the options name. */
export function loadGiven(given: Arguments, io: Pick<Io, "env">, mode: "serve" | "dev"): Promise<LoadResult> {
  const overrides = given.texts("set").map((argument) => {
    const override = parseSet(argument);
    if (override === undefined) throw new UsageError(`--set "${argument}" sets nothing; expected KEY=VALUE`);
    return override;
  });
  return loadConfig({ path: given.text("config"), env: io.env, overrides, mode, otherVariables: OTHER_VARIABLES });
}
