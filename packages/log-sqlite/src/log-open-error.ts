/**
 * The log can't be opened. The message is one line for the operator: what is wrong and what to do. Whatever file
 * was found is left as it was.
 */
export class LogOpenError extends Error {
  override readonly name: string = "LogOpenError";
}
