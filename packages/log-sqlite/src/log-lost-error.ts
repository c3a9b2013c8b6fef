/**
 * A log that was open can't be kept going: a thread of it ended again and again. The message is one line for the
 * operator. Nothing that was acknowledged is lost; a process that is started anew opens it like any other.
 */
export class LogLostError extends Error {
  override readonly name: string = "LogLostError";
}
