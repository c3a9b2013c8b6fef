import { ConnectTimeoutError } from "./connector.ts";
import { ForbiddenTargetError } from "./target-guard.ts";

/** Why there was no answer. A label of metrics: few, and none made of what a target says. */
export type ErrorClass =
  | "dns"
  | "refused"
  | "unreachable"
  | "reset"
  /** An idle connection turned out to be dead, before any byte of an answer. */
  | "stale"
  | "tls"
  | "timeout"
  | "protocol"
  | "forbidden"
  | "shutdown"
  /** The gateway's own thread that sends has ended. */
  | "thread"
  | "other";

const BY_CODE: Readonly<Record<string, ErrorClass>> = {
  ENOTFOUND: "dns",
  EAI_AGAIN: "dns",
  EAI_FAIL: "dns",
  EAI_NODATA: "dns",
  ECONNREFUSED: "refused",
  ECONNRESET: "reset",
  EPIPE: "reset",
  UND_ERR_SOCKET: "reset",
  ETIMEDOUT: "timeout",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  EADDRNOTAVAIL: "unreachable",
  UND_ERR_HEADERS_OVERFLOW: "protocol",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "protocol",
  // What `net.connect` says of its block list.
  ERR_IP_BLOCKED: "forbidden",
};

/** The class of an error that undici, the sockets or the guard gave. */
export function errorClassOf(error: unknown): ErrorClass {
  for (let at = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth += 1) {
    if (at instanceof ForbiddenTargetError) return "forbidden";
    if (at instanceof ConnectTimeoutError) return "timeout";
    const code = "code" in at && typeof at.code === "string" ? at.code : "";
    const known = BY_CODE[code];
    if (known !== undefined) return known;
    if (code.startsWith("HPE_")) return "protocol";
    if (isTls(code)) return "tls";
    if (at instanceof AggregateError) return errorClassOf((at.errors as readonly unknown[])[0]);
  }
  return "other";
}

function isTls(code: string): boolean {
  return (
    code.startsWith("ERR_TLS") ||
    code.startsWith("ERR_SSL") ||
    code.startsWith("CERT_") ||
    /^(?:DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)/.test(code)
  );
}
