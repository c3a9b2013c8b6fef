import { HELP } from "./arguments.ts";
import type { Command, CommandEntry, OptionSpec } from "./command.ts";

const WIDTH = 96;

/** The help of one command. */
export function commandHelp(name: string, summary: string, command: Command): string {
  const usage = ["sluice", name, command.usage, "[options]"].filter((part) => part !== "").join(" ");
  const options: readonly (readonly [string, OptionSpec])[] = [...Object.entries(command.options), ["help", HELP]];
  const parts = [
    `${summary}\n\nUsage: ${usage}`,
    ...command.details.map((paragraph) => wrap(paragraph, "")),
    `Options:\n${table(options.map(([option, spec]) => [flag(option, spec), spec.help]))}`,
  ];
  if (command.examples.length > 0) {
    parts.push(`Examples:\n${command.examples.map(([call, does]) => `  ${call}\n      ${does}`).join("\n")}`);
  }
  return `${parts.join("\n\n")}\n`;
}

/** The help of the whole. */
export function overallHelp(commands: Readonly<Record<string, CommandEntry>>): string {
  const rows = Object.entries(commands).map(([name, { summary }]) => [name, summary] as const);
  return [
    "sluice: a real-time gateway. One log, one cursor, every transport.",
    "Usage: sluice COMMAND [options]",
    `Commands:\n${table(rows)}`,
    `Options:\n${table([
      ["-h, --help", "Show this help; after a command, that command's."],
      ["--version", "Show the version."],
    ])}`,
    "Exit codes: 0 done, 1 failed, 2 called wrongly. Start with: sluice dev",
  ]
    .join("\n\n")
    .concat("\n");
}

function flag(name: string, spec: OptionSpec): string {
  const short = spec.short === undefined ? "" : `-${spec.short}, `;
  const value = spec.value === undefined ? "" : ` ${spec.value}`;
  return `${short}--${name}${value}${spec.isRepeatable === true ? " …" : ""}`;
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  const indent = " ".repeat(width + 2);
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${wrap(right, indent)}`).join("\n");
}

/** Breaks a text into lines; all but the first begin with `indent`, which the first is taken to have too. */
function wrap(text: string, indent: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent.length + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join(`\n${indent}`);
}
