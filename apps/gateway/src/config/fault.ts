/** Where a value of the configuration comes from. `line` counts from 1. */
export type Origin =
  | { readonly kind: "file"; readonly file: string; readonly line?: number }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "flag"; readonly flag: string }
  | { readonly kind: "default" };

/** One thing that is wrong with the configuration. */
export interface Fault {
  readonly origin: Origin;
  /** The dotted key, for instance `limits.event` or `resources[0].path`; empty where the fault is about no key. */
  readonly key: string;
  /** What was found and what is expected: one line, never the value of a secret. */
  readonly message: string;
}

/** The origin of what no source has set. */
export const DEFAULT_ORIGIN: Origin = Object.freeze({ kind: "default" });

/**
 * One fault as one line, `sluice.yaml:12: limits.event: "64KB!" is not a size; expected …`. Where the value came from
 * the environment or a flag, the name of the variable or flag stands in the place of file and line.
 */
export function formatFault(fault: Fault): string {
  return oneLine([originText(fault.origin), fault.key, fault.message].filter((part) => part !== "").join(": "));
}

/** All faults in exactly one line, without a line break at its end: what `serve` prints. */
export function formatFaults(faults: readonly Fault[]): string {
  const count = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
  return `${count} in the configuration: ${faults.map(formatFault).join(" | ")}`;
}

/** One line for each fault, without a line break at the end: what `check` prints. */
export function formatFaultLines(faults: readonly Fault[]): string {
  return faults.map(formatFault).join("\n");
}

function originText(origin: Origin): string {
  if (origin.kind === "variable") return origin.name;
  if (origin.kind === "flag") return origin.flag;
  if (origin.kind === "default") return "";
  return origin.line === undefined ? origin.file : `${origin.file}:${origin.line}`;
}

// Names of files and keys are written by people; a line break among them must not make two lines of one fault.
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ");
}
