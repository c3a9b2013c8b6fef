import type { LiveHook } from "./live-hook.ts";
import type { Payload } from "./payload.ts";
import type { SenderLink } from "../sending/sender-link.ts";
import type { UnsignedRequest } from "../sending/sender-messages.ts";

/** What a target said to the question whether it wants the deliveries. */
export type Consent =
  | "given"
  /** It answered, and the owner has to bring the secret. */
  | "open"
  | "gone"
  /** It could not be asked: once more later. */
  | "unreachable"
  | "forbidden"
  | "shutdown";

const NOTHING: Payload = { body: new Uint8Array(0), headers: [] };

/** Asks the target of a hook that is pending, in the way that the hook names. */
export async function askConsent(hook: LiveHook, sender: SenderLink, host: string): Promise<Consent> {
  const { verify, secrets, target: url } = hook.record;
  if (verify === "none") return "given";
  const secret = secrets[0]?.text ?? "";
  const isByOptions = verify === "ce-options";
  const request: UnsignedRequest = isByOptions
    ? // CloudEvents Web Hooks 1.0 §4.1.
      { url, method: "OPTIONS", headers: ["webhook-request-origin", host], payload: null, signing: null }
    : { url, method: "POST", headers: ["x-hook-secret", secret], payload: NOTHING, signing: null };
  const answer = await sender.send(request);
  if (answer.kind === "failed") {
    if (answer.error === "forbidden" || answer.error === "shutdown") return answer.error;
    return "unreachable";
  }
  if (answer.status === 410) return "gone";
  if (answer.status < 200 || answer.status > 299) return "unreachable";
  if (isByOptions) {
    const allowed = answer.headers["webhook-allowed-origin"];
    return allowed === "*" || allowed?.toLowerCase() === host.toLowerCase() ? "given" : "open";
  }
  return answer.headers["x-hook-secret"] === secret ? "given" : "open";
}
