import type { Action, Filter, SluiceError } from "@sluice/core";
import type { Asker } from "./asker.ts";

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
 * in `asker.foreign` together with the whole `Cookie` header.
 */
export interface GrantSource {
  /**
   * @throws {SluiceError} `app-unavailable` if it can't tell now: new readers are refused with that
   */
  ask(asker: Asker, action: Action, filter: Filter): GrantVerdict | Promise<GrantVerdict>;
  /** Without it, what the source granted to a live reader holds until the rules are reloaded. */
  readonly live?: LiveGrants;
}

/** The part of a source that takes grants back from readers that are connected. */
export interface LiveGrants {
  /** How often at least every live reader is shown. */
  readonly showEveryMs: number;
  /** Whether live readers end while the source can't tell. */
  readonly endsWhenUnavailable: boolean;
  /**
   * A live reader relies on what the source says to this filter: the source sees to it that the answer stays current,
   * until no reader has been shown for a while. Answers what it has said, where it can't tell now and readers may stay
   * `granted`; `undefined` if it has said nothing yet, and then it will ask.
   */
  show(asker: Asker, filter: Filter): GrantVerdict | undefined;
  /**
   * Tells `listener` when what live readers rely on is no longer granted: which credentials they have
   * (`asker.foreign.key`), and which topic they read. The answer ends that.
   */
  follow(listener: (credentials: string, topic: string) => void): () => void;
}
