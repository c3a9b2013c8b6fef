import { nearest } from "../config/nearest.ts";
import { version } from "../version.ts";
import { readArguments } from "./arguments.ts";
import type { CommandEntry, Io } from "./command.ts";
import { CommandError, oneLine, UsageError, type ExitCode } from "./failure.ts";
import { commandHelp, overallHelp } from "./help.ts";

/** Every command of `sluice`. */
export type Commands = Readonly<Record<string, CommandEntry>>;

/** Runs the command that `argv` names. Every failure becomes one line on stderr and an exit code; nothing is thrown. */
export async function run(commands: Commands, argv: readonly string[], io: Io): Promise<ExitCode> {
  // Whoever reads our output may stop: `sluice watch orders/** | head -1`.
  io.stdout.on("error", () => undefined);
  io.stderr.on("error", () => undefined);
  try {
    return await dispatch(commands, argv, io);
  } catch (error) {
    const hint = error instanceof UsageError ? ` (see ${helpCall(commands, argv)})` : "";
    io.stderr.write(`sluice: ${oneLine(error)}${hint}\n`);
    return error instanceof CommandError ? error.exitCode : 1;
  }
}

async function dispatch(commands: Commands, argv: readonly string[], io: Io): Promise<ExitCode> {
  const [name, ...rest] = argv;
  if (name === undefined) throw new UsageError("no command given");
  if (name === "--help" || name === "-h") return say(io, overallHelp(commands));
  if (name === "--version") return say(io, `${version}\n`);
  if (name === "help") return dispatch(commands, rest[0] === undefined ? ["--help"] : [rest[0], "--help"], io);
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry === undefined) throw new UsageError(unknownCommand(name, commands));
  const command = await entry.load();
  const given = readArguments(command, rest);
  if (given.has("help")) return say(io, commandHelp(name, entry.summary, command));
  return command.run(given, io);
}

function say(io: Io, text: string): ExitCode {
  io.stdout.write(text);
  return 0;
}

function unknownCommand(name: string, commands: Commands): string {
  if (name.startsWith("-")) return `${name} stands before the command; write sluice COMMAND ${name}`;
  const near = nearest(name, Object.keys(commands));
  const suggestion =
    near === undefined ? `expected one of ${Object.keys(commands).join(", ")}` : `did you mean ${near}?`;
  return `there is no command "${name}"; ${suggestion}`;
}

function helpCall(commands: Commands, argv: readonly string[]): string {
  const [name] = argv;
  return name !== undefined && Object.hasOwn(commands, name) ? `sluice ${name} --help` : "sluice --help";
}
