import { formatCursor } from "@sluice/core";
import type { StoredSubscription } from "../pubsub/subscription-store.ts";

/** How far a node's reader had got. */
export type CutNode = Readonly<StoredSubscription>;

/**
 * What a stream that was cut leaves behind, to be resumed (XEP-0198 §5): counts and places in the log, and no XML but
 * answers that the client may still wait for. Plain JSON, so that it outlives the process.
 */
export interface CutStream {
  /** By which it is resumed. */
  readonly id: string;
  readonly jid: string;
  readonly bare: string;
  readonly isAnonymous: boolean;
  readonly isPassing: boolean;
  readonly isAvailable: boolean;
  /** Stanzas sent before stream management was on. */
  readonly base: number;
  readonly sent: number;
  readonly acknowledged: number;
  /** Stanzas that the client has sent since stream management was on. */
  readonly received: number;
  readonly nodes: readonly CutNode[];
  /** Which log the positions are in. */
  readonly epoch: string;
  /** Items that are not acknowledged: number of the stanza, index of the node, position. */
  readonly owed: readonly (readonly [number, number, number])[];
  /** Other stanzas that are not acknowledged, by number. */
  readonly texts: readonly (readonly [number, string])[];
}

/** The nodes, each with the cursor that it has if the client has the first `number` stanzas. */
export function nodesAt({ nodes, owed, epoch }: CutStream, number: number): readonly CutNode[] {
  const positions = new Map(owed.filter(([one]) => one <= number).map(([, node, position]) => [node, position]));
  return nodes.map((node, index) => {
    const position = positions.get(index);
    return position === undefined ? node : { ...node, cursor: formatCursor(epoch, position) };
  });
}
