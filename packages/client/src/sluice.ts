import type { Item, SluiceEvent, SluiceGap } from "./event.ts";
import type { Draft, Receipt } from "./publish.ts";
import type { SluiceError } from "./sluice-error.ts";
import type { TransportName } from "./transport.ts";

/**
 * - `idle`: there are no topics
 * - `connecting`
 * - `open`: events come
 * - `waiting`: it comes back by itself; `error` says what happened
 * - `paused`: the reader can't keep up; goes on as soon as it has
 * - `asleep`: no network, or the tab has been hidden for long
 * - `closed`: over; with an `error` if it was not closed by the app
 */
export type State = "idle" | "connecting" | "open" | "waiting" | "paused" | "asleep" | "closed";

/** What listeners are told, by name. */
export interface SluiceListeners<Data> {
  /** If it answers with a promise, the next event waits for it. */
  event: (event: SluiceEvent<Data>) => unknown;
  /** Events are missing: load the state afresh. */
  gap: (gap: SluiceGap["gap"]) => unknown;
  /** Another transport is in use. */
  transport: (change: { readonly transport: TransportName; readonly previous: TransportName | null }) => unknown;
  state: (change: { readonly state: State; readonly error: SluiceError | null }) => unknown;
}

/** A reader of topics that always gets through. */
export interface Sluice<Data = unknown> extends AsyncIterable<Item<Data>, undefined> {
  readonly state: State;
  /** The one in use; `null` before the first connection stands. */
  readonly transport: TransportName | null;
  /** Everything up to here has been handed over: store it, and `connect` with it as `after`. `null` if there is none yet. */
  readonly cursor: string | null;
  readonly topics: readonly string[];
  /** Adds a listener; the answer takes it away. */
  on<Name extends keyof SluiceListeners<Data>>(name: Name, listener: SluiceListeners<Data>[Name]): () => void;
  /**
   * Adds topics, from where the client is. Resolves when they are being read.
   * @throws {SluiceError} if they are refused; the others go on
   */
  subscribe(topics: string | readonly string[]): Promise<void>;
  /** Takes topics away. What has come of them already is still handed over. */
  unsubscribe(topics: string | readonly string[]): void;
  /**
   * Publishes all or none. Tries again for a while, and never doubles. Needs a grant.
   * @throws {SluiceError}
   */
  publish(events: Draft | readonly Draft[]): Promise<readonly Receipt[]>;
  /** Ends it. Loops end too; what has not been handed over is still to be had after {@link cursor}. */
  close(): void;
}
