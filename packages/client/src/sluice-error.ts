/** What went wrong on the way, why the client gave up, or an answer that refuses something. */
export class SluiceError extends Error {
  override readonly name: string = "SluiceError";
  /** The HTTP status, or the one that goes with the code; 0 if there is none. */
  readonly status: number;
  /** The gateway's stable code (`unauthorized`, `invalid-filter`, …); `null` where it was not the gateway that spoke. */
  readonly code: string | null;
  /** Milliseconds that the gateway asks to wait; `null` if it doesn't. */
  readonly retryAfterMs: number | null;

  constructor(
    message: string,
    status = 0,
    code: string | null = null,
    retryAfterMs: number | null = null,
    cause?: unknown,
  ) {
    super(message, { cause });
    this.status = status;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether it is about who asks: then another token may help. */
  get isAboutAccess(): boolean {
    return this.status === 401 || this.status === 403;
  }

  /** Whether the same may succeed later. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}
