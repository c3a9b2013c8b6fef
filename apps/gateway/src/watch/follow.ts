import { setTimeout as sleep } from "node:timers/promises";
import type { Start } from "@sluice/core";
import { CommandError } from "../cli/failure.ts";
import { backoffMs } from "./backoff.ts";
import type { Printer } from "./printer.ts";
import type { Ask, Ending, Item, Receiver, WatchClient } from "./watch-client.ts";

/** What to follow, and how. */
export interface FollowOptions {
  readonly ask: Ask;
  /** In the order of preference: what can't be had is passed over. */
  readonly clients: readonly WatchClient[];
  readonly printer: Printer;
  readonly signal: AbortSignal;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Connections in a row that never stood before another transport is tried. */
const VAIN_MAX = 2;

/**
 * Follows topics until the signal is aborted: whatever cuts the connection, it comes back with its cursor.
 * Answers the cursor to go on behind, `null` if there is none yet.
 * @throws {CommandError} when coming back makes no sense
 */
export async function follow(options: FollowOptions): Promise<string | null> {
  const following = new Following(options);
  while (!options.signal.aborted) {
    // One connection after the other: that is the point.
    await following.connect();
  }
  return following.cursor;
}

class Following implements Receiver {
  readonly #options: FollowOptions;
  #start: Start;
  #at = 0;
  #isOpen = false;
  #hasEverOpened = false;
  #vain = 0;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#start = options.ask.start;
  }

  get cursor(): string | null {
    return typeof this.#start === "object" && "cursor" in this.#start ? this.#start.cursor : null;
  }

  get #client(): WatchClient {
    return this.#options.clients[this.#at] as WatchClient;
  }

  opened(): void {
    if (this.#isOpen) return;
    this.#options.printer.note(`${this.#hasEverOpened ? "connected again" : "connected"} by ${this.#client.name}`);
    this.#isOpen = true;
    this.#hasEverOpened = true;
    this.#vain = 0;
  }

  async take(items: readonly Item[], cursor: string | null): Promise<void> {
    await this.#options.printer.take(items);
    if (cursor !== null) this.#start = { cursor };
  }

  /** One connection, and the wait behind it. */
  async connect(): Promise<void> {
    const { ask, signal } = this.#options;
    this.#isOpen = false;
    const ending = await this.#client.connect({ ...ask, start: this.#start }, this, signal);
    if (signal.aborted) return;
    if (ending.kind === "refused") throw new CommandError(`the gateway refused: ${ending.detail}`);
    if (ending.kind === "unfit") this.#passOver(ending.detail);
    else await this.#wait(ending);
  }

  /** Goes to the next transport; from the last there is none. */
  #passOver(detail: string): void {
    const name = this.#client.name;
    this.#at += 1;
    this.#vain = 0;
    if (this.#at >= this.#options.clients.length) throw new CommandError(`${name} can't be had there: ${detail}`);
    this.#options.printer.note(`${name} can't be had (${detail}); trying ${this.#client.name}`);
  }

  async #wait(ending: Extract<Ending, { readonly kind: "cut" }>): Promise<void> {
    const { ask, clients, printer, signal, random } = this.#options;
    if (ending.isUnreachable && !this.#hasEverOpened) {
      throw new CommandError(
        `${ask.url.origin} can't be reached: ${ending.detail}; is the gateway running there? --url names another address`,
      );
    }
    const delayMs = backoffMs(this.#vain, ending.retryAfterMs, random());
    if (!this.#isOpen) this.#vain += 1;
    if (!this.#isOpen && !ending.isUnreachable && ending.retryAfterMs === null && this.#vain >= VAIN_MAX) {
      this.#at = (this.#at + 1) % clients.length;
    }
    // Once for each outage is enough.
    if (this.#isOpen || !this.#hasEverOpened) {
      printer.note(`${ending.detail}; coming back in ${(delayMs / 1000).toFixed(1)} s`);
    }
    await sleep(delayMs, undefined, { signal }).catch(() => undefined);
  }
}
