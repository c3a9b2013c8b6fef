import { connect as connectAlone } from "../client.ts";
import { resolveOptions, type ConnectOptions } from "../options.ts";
import type { Sluice } from "../sluice.ts";
import { joinGroup, type Locks } from "./tab.ts";

export * from "../index.ts";

/** What to read and how, and whether with the other tabs. */
export interface SharedOptions extends ConnectOptions {
  /** `false`: a connection of its own. Default `true`. */
  readonly shared?: boolean;
}

/**
 * As {@link connectAlone}, but all tabs of one origin that read from the same gateway share one connection, whatever
 * their topics. One of them holds it; if that one is closed, another takes over, and nobody misses anything. Tabs of a
 * group are taken for one user: the token of the one that holds the connection counts for all. Where the browser can't
 * (no Web Locks or BroadcastChannel), and in Node, each has its own.
 * @throws {SluiceError} if the options are wrong
 */
export function connect<Data = unknown>(
  address: string | URL,
  { shared = true, ...options }: SharedOptions = {},
): Sluice<Data> {
  const { navigator, window } = globalThis as unknown as {
    readonly navigator?: { readonly locks?: Locks };
    readonly window?: unknown;
  };
  const locks = navigator?.locks;
  const canShare = window !== undefined && locks !== undefined && typeof BroadcastChannel === "function";
  if (!shared || !canShare) return connectAlone<Data>(address, options);
  const { url, types } = resolveOptions(address, options);
  return joinGroup<Data>(address, options, `sluice ${url.href} ${[...types].sort().join()}`, locks);
}
