import { StoredEvent, type Appended } from "@sluice/core";
import type { WaitingAppend } from "./append-queue.ts";
import type { AppendedMessage } from "./messages.ts";

/** A group of appends when the writer has answered for it. */
export interface Placed {
  /** The events that were added, in log order. */
  readonly batch: readonly StoredEvent[];
  /** What became of each append; empty for one that failed. */
  readonly outcomes: readonly (readonly Appended[])[];
}

/** The events of a group in their places, and what became of each append of it. */
export function placed(
  epoch: string,
  group: readonly WaitingAppend[],
  { first, duplicates, failures }: AppendedMessage,
): Placed {
  const batch: StoredEvent[] = [];
  const known = new Map<number, number>();
  for (let index = 0; index < duplicates.length; index += 2) {
    known.set(duplicates[index] as number, duplicates[index + 1] as number);
  }
  const failed = new Set(failures.map(({ index }) => index));
  let offset = 0;
  const outcomes = group.map(({ drafts }, index) => {
    const from = offset;
    offset += drafts.length;
    if (failed.has(index)) return [];
    return drafts.map((draft, place): Appended => {
      const duplicateOf = known.get(from + place);
      if (duplicateOf !== undefined) return { id: draft.id, position: duplicateOf, isDuplicate: true };
      const position = first + batch.length;
      batch.push(new StoredEvent({ ...draft, epoch, position }));
      return { id: draft.id, position, isDuplicate: false };
    });
  });
  return { batch, outcomes };
}
