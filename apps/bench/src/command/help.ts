import type { OptionSpec } from "./options.ts";

/** What a command says of itself. */
export interface Described {
  readonly usage: string;
  readonly details: readonly string[];
  readonly options: Readonly<Record<string, OptionSpec>>;
  readonly examples: readonly (readonly [string, string])[];
}

/** The help of `npm run bench`. */
export function helpText({ usage, details, options, examples }: Described): string {
  const flags = Object.entries(options).map(
    ([name, { value, help }]) => [`--${name}${value === undefined ? "" : ` ${value}`}`, help] as const,
  );
  const width = Math.max(...flags.map(([flag]) => flag.length));
  return [
    `usage: npm run bench -- ${usage} [options]\n`,
    ...details.map((paragraph) => `${paragraph}\n`),
    ...flags.map(([flag, help]) => `  ${flag.padEnd(width)}  ${help}`),
    "",
    ...examples.map(([call, does]) => `  npm run ${call.replace(/^bench /, "bench -- ")}\n      ${does}`),
    "",
  ].join("\n");
}
