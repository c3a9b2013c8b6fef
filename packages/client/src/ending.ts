import type { SluiceError } from "./sluice-error.ts";

/** What may go wrong with a connection. */
export type Fault =
  /** Coming back makes sense. */
  | "cut"
  /** Something between does not let this transport through, or not in time; or it stood and fell silent. */
  | "bad"
  /** The gateway does not have this transport. */
  | "off"
  /** Asking for the same again makes no sense. */
  | "refused";

/** How a connection ended. */
export type Ending =
  /** Whoever opened it has stopped it. */
  | { readonly how: "stopped" }
  /** The reader could not keep up, and this transport can't be made to wait: come back when there is room. */
  | { readonly how: "full" }
  | { readonly how: Fault; readonly error: SluiceError };

/** What an answer's fault means for the connection. */
export function faultOf({ code, status, isAboutAccess, isPassing }: SluiceError): Fault {
  if (isPassing) return "cut";
  if (code === "transport-off") return "off";
  return isAboutAccess || code !== null || status === 404 ? "refused" : "bad";
}
