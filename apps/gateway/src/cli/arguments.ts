import { parseArgs } from "node:util";
import { nearest } from "../config/nearest.ts";
import type { Command, OptionSpec } from "./command.ts";
import { UsageError } from "./failure.ts";

/** Every command knows this one. */
export const HELP: OptionSpec = { short: "h", help: "Show this help." };

/** What a command was called with. */
export class Arguments {
  readonly positionals: readonly string[];
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(positionals: readonly string[], values: ReadonlyMap<string, readonly string[]>) {
    this.positionals = positionals;
    this.#values = values;
  }

  /** Whether the option was given. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The option's value; of several the last. */
  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  /** All values of the option, in order. */
  texts(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }
}

/**
 * Reads a command's arguments.
 * @throws {UsageError} naming the argument, and the option that was probably meant
 */
export function readArguments(
  command: Pick<Command, "options" | "arguments" | "usage">,
  argv: readonly string[],
): Arguments {
  const specs: Readonly<Record<string, OptionSpec>> = { ...command.options, help: HELP };
  const { tokens } = parseArgs({
    args: [...argv],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      Object.entries(specs).map(([name, spec]) => [
        name,
        {
          type: spec.value === undefined ? "boolean" : "string",
          ...(spec.short === undefined ? {} : { short: spec.short }),
        },
      ]),
    ),
  });
  const positionals: string[] = [];
  const values = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const spec = Object.hasOwn(specs, token.name) ? specs[token.name] : undefined;
    if (spec === undefined) throw new UsageError(unknownOption(token.rawName, specs));
    const known = values.get(token.name) ?? [];
    if (known.length > 0 && spec.value !== undefined && spec.isRepeatable !== true) {
      throw new UsageError(`${token.rawName} is given twice; give it once`);
    }
    known.push(valueOf(token.rawName, token.value, token.inlineValue, spec));
    values.set(token.name, known);
  }
  if (!values.has("help")) checkCount(positionals, command);
  return new Arguments(positionals, values);
}

function valueOf(name: string, value: string | undefined, isInline: boolean | undefined, spec: OptionSpec): string {
  if (spec.value === undefined) {
    if (value !== undefined) throw new UsageError(`${name} takes no value`);
    return "";
  }
  if (value === undefined) throw new UsageError(`${name} needs a value: ${name} ${spec.value}`);
  if (isInline !== true && value.startsWith("-") && value !== "-") {
    throw new UsageError(`${name} needs a value; write ${name}=VALUE for one that begins with a dash`);
  }
  return value;
}

function unknownOption(name: string, specs: Readonly<Record<string, OptionSpec>>): string {
  const near = nearest(name.replace(/^-+/, ""), Object.keys(specs));
  return near === undefined ? `there is no option ${name}` : `there is no option ${name}; did you mean --${near}?`;
}

function checkCount(positionals: readonly string[], command: Pick<Command, "arguments" | "usage">): void {
  const { min, max } = command.arguments;
  const expected = command.usage === "" ? "no arguments" : command.usage;
  if (positionals.length < min) throw new UsageError(`too few arguments; expected ${expected}`);
  if (positionals.length > max) {
    throw new UsageError(`"${positionals[max] ?? ""}" is one argument too many; expected ${expected}`);
  }
}
