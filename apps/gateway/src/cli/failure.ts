/** What a command ends with: 0 done, 1 failed, 2 called wrongly. */
export type ExitCode = 0 | 1 | 2;

/** Ends a command. The message is one line: what went wrong and what to do about it. */
export class CommandError extends Error {
  override readonly name: string = "CommandError";
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = 1, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The command was called in a way that it does not know. */
export class UsageError extends CommandError {
  override readonly name: string = "UsageError";

  constructor(message: string) {
    super(message, 2);
  }
}

/** What any error says, in one line: never a stack. */
export function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").trim();
}
