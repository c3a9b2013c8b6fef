import { findStamps } from "../load/stamp.ts";
import { nowMs } from "../load/clock.ts";
import type { Tally } from "./tally.ts";
import type { Wire } from "./wire.ts";

/**
 * One reader of one topic, as small as its protocol allows: it looks for stamps, and keeps no more than it needs to come
 * back. A connection that is lost comes back by itself.
 */
export interface Client {
  /** Connects and subscribes; from then on `host.ready` is told whenever it has got through. */
  open(): void;
  /** Loses its connections at once, and stays away until it is opened again. */
  cut(): void;
}

/** What a client needs of the crowd that it belongs to. */
export interface ClientHost {
  readonly wire: Wire;
  readonly tally: Tally;
  /** The client is connected and subscribed, as far as it can tell. */
  ready(client: number): void;
  /** The client is none any more, and why: what it gets from here on does not count as ready. */
  failed(client: number, reason: string): void;
}

/** Enters the events in these bytes into the books; answers how many there were. */
export function take(host: ClientHost, client: number, bytes: Buffer, from: number, to: number): number {
  const now = nowMs();
  return findStamps(bytes, from, to, (phase, topic, sequence, dueUs) =>
    host.tally.arrived(client, phase, topic, sequence, dueUs, now),
  );
}
