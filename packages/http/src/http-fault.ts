import { SluiceError, type ErrorCode, type ErrorDetails } from "@sluice/core";

/** A fault whose answer has headers or members of its own: `Allow`, `Upgrade`, the list of transports. */
export class HttpFault extends SluiceError {
  override readonly name: string = "HttpFault";
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Further members of the problem's JSON. */
  readonly members: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    detail: string,
    extra: ErrorDetails & {
      readonly headers?: Readonly<Record<string, string>>;
      readonly members?: Readonly<Record<string, unknown>>;
    },
  ) {
    super(code, detail, extra);
    this.headers = extra.headers ?? {};
    this.members = extra.members ?? {};
  }
}
