import type { Action, Filter, Principal, SluiceError } from "@sluice/core";

/**
 * What a source says to one filter: it grants it; it has nothing to say; or it refuses in words of its own (the app's
 * 404, for instance), which are the answer if no other source grants.
 */
export type GrantVerdict = "granted" | "silent" | SluiceError;

/**
 * A further place that grants may come from, asked after the public filters and the token. It answers at once where it
 * can (a cached answer) and with a promise where it must ask somebody; it keeps its own cache.
 *
 * With a source configured, a Bearer token that none of our keys signed is no fault: it is the source's, which finds it
 * in `principal.credentials` together with the whole `Cookie` header.
 */
export interface GrantSource {
  /**
   * @throws {SluiceError} `app-unavailable` if it can't tell now: new readers are refused with that, live ones stay
   */
  ask(principal: Principal, action: Action, filter: Filter): GrantVerdict | Promise<GrantVerdict>;
}
