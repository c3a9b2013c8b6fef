import type { Readable, Writable } from "node:stream";
import type { Arguments } from "./arguments.ts";
import type { ExitCode } from "./failure.ts";

/** A stream that may be a terminal. */
export interface Output extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** What a command sees of its process. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** An option of a command, as `--help` shows it. */
export interface OptionSpec {
  /** What stands for its value in the help; an option without it is a switch. */
  readonly value?: string;
  readonly help: string;
  /** Whether it may be given more than once. */
  readonly isRepeatable?: boolean;
  readonly short?: string;
}

/** One command: what it takes, and what it does. */
export interface Command {
  /** What follows the name: `TOPIC [DATA|-]`. */
  readonly usage: string;
  /** How many arguments that are no options it takes. */
  readonly arguments: { readonly min: number; readonly max: number };
  /** Paragraphs of the help, below the usage. */
  readonly details: readonly string[];
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** A call and what it does, for the help. */
  readonly examples: readonly (readonly [string, string])[];
  /** Does it. Fails with a `CommandError`. */
  run(given: Arguments, io: Io): Promise<ExitCode>;
}

/** A command in the list of all: loaded when it is called, so that none pays for the others. */
export interface CommandEntry {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}
