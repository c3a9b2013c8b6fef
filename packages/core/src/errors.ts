/** A stable name of a fault: clients may rely on it. */
export type ErrorCode =
  | "bad-request"
  | "invalid-json"
  | "invalid-parameter"
  | "invalid-filter"
  | "invalid-cursor"
  | "invalid-message"
  | "too-many-subscriptions"
  | "unauthorized"
  | "forbidden"
  | "not-found"
  | "method-not-allowed"
  | "transport-off"
  | "request-timeout"
  | "conflict"
  | "gone"
  | "too-large"
  | "unsupported-media-type"
  | "invalid-topic"
  | "invalid-event"
  | "invalid-hook"
  | "target-not-allowed"
  | "upgrade-required"
  | "rate-limited"
  | "too-many-connections"
  | "header-too-large"
  | "internal"
  | "app-unreachable"
  | "app-timed-out"
  | "log-unavailable"
  | "app-unavailable"
  | "keys-unavailable"
  | "at-capacity"
  | "draining";

/** What all faults of one code have in common. */
export interface ErrorEntry {
  readonly status: number;
  readonly title: string;
  /** Whether the same request may succeed later. */
  readonly isRetryable: boolean;
}

/**
 * The one table of faults. `docs/errors.md` explains each to users, and a test compares the two.
 */
export const ERRORS: Readonly<Record<ErrorCode, ErrorEntry>> = {
  "bad-request": { status: 400, title: "The request is not valid HTTP or lacks something", isRetryable: false },
  "invalid-json": { status: 400, title: "The body is not valid JSON in UTF-8", isRetryable: false },
  "invalid-parameter": { status: 400, title: "A parameter is not valid", isRetryable: false },
  "invalid-filter": { status: 400, title: "A topic filter is not valid", isRetryable: false },
  "invalid-cursor": { status: 400, title: "The cursor is not a cursor", isRetryable: false },
  "invalid-message": { status: 400, title: "The message is not one the gateway understands", isRetryable: false },
  "too-many-subscriptions": { status: 400, title: "Too many topics for one connection", isRetryable: false },
  unauthorized: { status: 401, title: "Credentials are missing or not valid", isRetryable: false },
  forbidden: { status: 403, title: "These credentials do not grant that", isRetryable: false },
  "not-found": { status: 404, title: "There is nothing at this address", isRetryable: false },
  "method-not-allowed": { status: 405, title: "This address does not know the method", isRetryable: false },
  "transport-off": { status: 406, title: "This transport is switched off", isRetryable: false },
  "request-timeout": { status: 408, title: "The request did not arrive in time", isRetryable: true },
  conflict: { status: 409, title: "That does not go with the present state", isRetryable: false },
  gone: { status: 410, title: "It was here, and has ended", isRetryable: false },
  "too-large": { status: 413, title: "Larger than the limit", isRetryable: false },
  "unsupported-media-type": {
    status: 415,
    title: "The body's media type is not one of those taken",
    isRetryable: false,
  },
  "invalid-topic": { status: 422, title: "The topic is not valid", isRetryable: false },
  "invalid-event": { status: 422, title: "The event is not valid", isRetryable: false },
  "invalid-hook": { status: 422, title: "The hook is not valid", isRetryable: false },
  "target-not-allowed": { status: 422, title: "The target of the hook is not allowed", isRetryable: false },
  "upgrade-required": { status: 426, title: "This transport needs a WebSocket upgrade", isRetryable: false },
  "rate-limited": { status: 429, title: "Too often", isRetryable: true },
  "too-many-connections": { status: 429, title: "Too many connections from this address", isRetryable: true },
  "header-too-large": { status: 431, title: "The request's header is larger than the limit", isRetryable: false },
  internal: { status: 500, title: "A fault in the gateway", isRetryable: true },
  "app-unreachable": { status: 502, title: "The app behind the gateway can't be reached", isRetryable: true },
  "app-timed-out": { status: 504, title: "The app behind the gateway took too long", isRetryable: true },
  "log-unavailable": { status: 503, title: "The log can't take events now", isRetryable: true },
  "app-unavailable": { status: 503, title: "The app that decides on access does not answer", isRetryable: true },
  "keys-unavailable": {
    status: 503,
    title: "The keys that tokens are checked with can't be fetched",
    isRetryable: true,
  },
  "at-capacity": { status: 503, title: "The gateway holds as many connections as it may", isRetryable: true },
  draining: { status: 503, title: "The gateway is stopping", isRetryable: true },
};

/** What may be said of a fault beside its code. */
export interface ErrorDetails {
  /** The event's index in a batch. */
  readonly index?: number | undefined;
  /** The member or parameter at fault. */
  readonly field?: string | undefined;
  /** Seconds until a retry makes sense (`Retry-After`). */
  readonly retryAfterSeconds?: number | undefined;
  /** For the operator's log only; never shown to a client. */
  readonly cause?: unknown;
}

/** The base of all faults that a client may be told of. `message` is fit for its eyes. */
export class SluiceError extends Error {
  override readonly name: string = "SluiceError";
  readonly code: ErrorCode;
  readonly index: number | undefined;
  readonly field: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, detail: string, details: ErrorDetails = {}) {
    super(detail, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.index = details.index;
    this.field = details.field;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }

  /** The HTTP status that goes with the code. */
  get status(): number {
    return ERRORS[this.code].status;
  }

  /** The same fault, said of the event at `index` of a batch. */
  at(index: number): SluiceError {
    return new SluiceError(this.code, this.message, {
      index,
      field: this.field,
      retryAfterSeconds: this.retryAfterSeconds,
      cause: this.cause,
    });
  }
}

/** How an error is logged: one of ours by what it says and what caused it, any other with its stack. */
export function errorFields(error: unknown): { readonly reason: string } | { readonly err: unknown } {
  if (!(error instanceof SluiceError)) return { err: error };
  const { cause } = error;
  return { reason: cause instanceof Error ? `${error.message} ${cause.message}` : error.message };
}
