import type { IncomingHttpHeaders } from "node:http";
import { ERRORS } from "@sluice/core";

/** Bytes of an error's body that are looked at. */
const PROBLEM_MAX_BYTES = 16 * 1024;
/** The longest wait that a `Retry-After` is followed for. */
const RETRY_AFTER_MAX_MS = 5 * 60_000;

/** What an answer other than the one hoped for says. */
export interface Refusal {
  readonly status: number;
  /** The stable name of the fault; `null` where the answer is not one of the gateway's. */
  readonly code: string | null;
  /** One line. */
  readonly detail: string;
  /** What `Retry-After` asks for; `null` without one. */
  readonly retryAfterMs: number | null;
  /** Whether there is nothing at that path: another listener's address, or none of a gateway. */
  readonly isNowhere: boolean;
}

/** Reads a problem+json answer (RFC 9457), or makes the best of another one. */
export async function readRefusal(
  status: number,
  headers: IncomingHttpHeaders,
  body: AsyncIterable<Uint8Array>,
): Promise<Refusal> {
  const { code, detail } = parseProblem(await readText(body, PROBLEM_MAX_BYTES).catch(() => ""));
  return {
    status,
    code,
    detail: detail ?? `status ${status}`,
    retryAfterMs: retryAfter(headers["retry-after"]),
    // A gateway that knows the path says what it is that it does not have.
    isNowhere: status === 404 && (code === null || detail === `${ERRORS["not-found"].title}.`),
  };
}

/**
 * A body as text.
 * @throws {RangeError} if it has more than `maxBytes`; {TypeError} if it is not UTF-8
 */
export async function readText(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw new RangeError(`it has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
}

/** Milliseconds that a `Retry-After` in seconds asks for (RFC 9110, 10.2.3); `null` if it is none, or a date. */
export function retryAfter(value: string | undefined): number | null {
  if (value === undefined || !/^\d+$/.test(value)) return null;
  return Math.min(Number(value) * 1000, RETRY_AFTER_MAX_MS);
}

/** Reads the body of a problem. */
function parseProblem(text: string): { readonly code: string | null; readonly detail: string | null } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { code: null, detail: null };
  }
  if (typeof parsed !== "object" || parsed === null) return { code: null, detail: null };
  const { code, detail, title } = parsed as Readonly<Record<string, unknown>>;
  const said = typeof detail === "string" ? detail : title;
  return { code: typeof code === "string" ? code : null, detail: typeof said === "string" ? said : null };
}
