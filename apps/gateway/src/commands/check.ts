import type { Arguments } from "../cli/arguments.ts";
import type { Command, Io } from "../cli/command.ts";
import type { ExitCode } from "../cli/failure.ts";
import { formatFaultLines } from "../config/fault.ts";
import { configOptions, loadGiven } from "./config-options.ts";

/** `sluice check`: says what is wrong with the configuration, or that nothing is. */
export const check: Command = {
  usage: "",
  arguments: { min: 0, max: 0 },
  details: [
    "Reads the configuration as serve would: file, environment and --set. Each fault is a line on stderr with its " +
      "place, its key and what is expected, and the exit code is 1. Nothing is started.",
  ],
  options: configOptions,
  examples: [["sluice check --config sluice.yaml", "Before a reload or a deployment."]],
  run,
};

async function run(given: Arguments, io: Io): Promise<ExitCode> {
  const loaded = await loadGiven(given, io, "serve");
  if ("faults" in loaded) {
    io.stderr.write(`${formatFaultLines(loaded.faults)}\n`);
    return 1;
  }
  const { file } = loaded;
  const text = `ok: ${file ?? "no file, the environment and the defaults"}`;
  io.stdout.write(`${io.stdout.isTTY === true ? text : JSON.stringify({ ok: true, file })}\n`);
  return 0;
}
