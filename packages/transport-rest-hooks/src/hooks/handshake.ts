import type { LiveHook } from "./live-hook.ts";
import type { Sender, TargetRequest } from "../sending/sender.ts";

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

/** Asks the target of a hook that is pending, in the way that the hook names. */
export async function askConsent(hook: LiveHook, sender: Sender, host: string): Promise<Consent> {
  const { verify, secrets } = hook.record;
  if (verify === "none") return "given";
  const secret = secrets[0]?.text ?? "";
  const isByOptions = verify === "ce-options";
  const request: TargetRequest = isByOptions
    ? // CloudEvents Web Hooks 1.0 §4.1.
      { url: hook.url, method: "OPTIONS", headers: ["webhook-request-origin", host], body: null }
    : { url: hook.url, method: "POST", headers: ["x-hook-secret", secret], body: Buffer.alloc(0) };
  const answer = await sender.send(request);
  if (answer.kind === "failed") {
    if (answer.error === "forbidden" || answer.error === "shutdown") return answer.error;
    return "unreachable";
  }
  if (answer.status === 410) return "gone";
  if (answer.status < 200 || answer.status > 299) return "unreachable";
  if (isByOptions) {
    const allowed = one(answer.headers["webhook-allowed-origin"]);
    return allowed === "*" || allowed?.toLowerCase() === host.toLowerCase() ? "given" : "open";
  }
  return one(answer.headers["x-hook-secret"]) === secret ? "given" : "open";
}

function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
