/** Why the client gave up, or an answer that refuses something. */
export class SluiceError extends Error {
  override readonly name: string = "SluiceError";
  /** The gateway's stable code (`unauthorized`, `forbidden`, `invalid-filter`, …); `null` where it was not the gateway that spoke. */
  readonly code: string | null;
  /** The HTTP status, or the one that goes with the code; 0 if there is none. */
  readonly status: number;

  constructor(message: string, status = 0, code: string | null = null, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.status = status;
    this.code = code;
  }

  /** Whether it is about who asks: then another token may help. */
  get isAboutAccess(): boolean {
    return this.status === 401 || this.status === 403;
  }
}
