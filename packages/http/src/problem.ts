import { ERRORS, SluiceError, type ErrorCode } from "@sluice/core";
import { HttpFault } from "./http-fault.ts";

/** A fault as HTTP tells it. */
export interface Problem {
  readonly status: number;
  /** Lower-case names; `content-type` is among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body: string;
}

/** Media type of RFC 9457. */
const PROBLEM_TYPE = "application/problem+json";

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: "bad-request",
  401: "unauthorized",
  403: "forbidden",
  404: "not-found",
  405: "method-not-allowed",
  408: "request-timeout",
  413: "too-large",
  414: "header-too-large",
  415: "unsupported-media-type",
  426: "upgrade-required",
  429: "rate-limited",
  431: "header-too-large",
};

/**
 * Any error as problem+json (RFC 9457): `type`, `title`, `status`, `detail`, `code`, and `index` and `field` where the
 * fault has them. An error that is none of ours tells the client no more than `internal`. `401` has `WWW-Authenticate`,
 * `429` and `503` have `Retry-After`.
 */
export function problem(error: unknown): Problem {
  const fault = toFault(error);
  const { status, title } = ERRORS[fault.code];
  const body = {
    type: `urn:sluice:error:${fault.code}`,
    title,
    status,
    detail: fault.message,
    code: fault.code,
    index: fault.index,
    field: fault.field,
    ...(fault instanceof HttpFault ? fault.members : {}),
  };
  return { status, headers: headersOf(fault, status), body: JSON.stringify(body) };
}

/** The fault that a client is told for any error: ours as it is, a framework's by its status, all else `internal`. */
export function toFault(error: unknown): SluiceError {
  if (error instanceof SluiceError) return error;
  const status = statusOf(error);
  const code = status === undefined ? undefined : BY_STATUS[status];
  if (code === undefined)
    return new SluiceError("internal", "The gateway failed at this. It is in its log.", { cause: error });
  return new SluiceError(code, `${ERRORS[code].title}.`, { cause: error });
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("statusCode" in error)) return undefined;
  return typeof error.statusCode === "number" ? error.statusCode : undefined;
}

function headersOf(fault: SluiceError, status: number): Readonly<Record<string, string>> {
  const headers: Record<string, string> = { "content-type": PROBLEM_TYPE, "cache-control": "no-store" };
  if (status === 401) headers["www-authenticate"] = 'Bearer realm="sluice"';
  if (fault.retryAfterSeconds !== undefined || status === 429 || status === 503) {
    headers["retry-after"] = String(Math.max(1, Math.ceil(fault.retryAfterSeconds ?? 1)));
  }
  return fault instanceof HttpFault ? { ...headers, ...fault.headers } : headers;
}
