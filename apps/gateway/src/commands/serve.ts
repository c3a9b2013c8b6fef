import { styleText } from "node:util";
import type { Command } from "../cli/command.ts";
import { version } from "../version.ts";
import { configOptions } from "./config-options.ts";
import { runGateway } from "./run-gateway.ts";

/** `sluice serve`: the gateway itself. */
export const serve: Command = {
  usage: "",
  arguments: { min: 0, max: 0 },
  details: [
    "Logs to stdout: lines of JSON, or for people on a terminal. SIGTERM and SIGINT stop it in order: readers are sent " +
      "away over drain.spread, and it exits with 0 within drain.timeout; a second SIGINT stops it at once. SIGHUP " +
      "reloads keys, grants, resources and limits without dropping a connection.",
    "Every key of the configuration can be set by the environment too: limits.event is SLUICE_LIMITS_EVENT.",
  ],
  options: configOptions,
  examples: [
    ["sluice serve --config sluice.yaml", "Runs it."],
    ["kill -HUP PID", "Reloads the configuration; a bad one is refused and logged, and the old one stays."],
  ],
  run: (given, io) =>
    runGateway(given, io, {
      mode: "serve",
      greeting: ({ publicUrl, adminUrl }, config) =>
        `${styleText("bold", `sluice ${version}`)}  ${publicUrl}${config.public.prefix}  admin ${adminUrl}\n`,
    }),
};
