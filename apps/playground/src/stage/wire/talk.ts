import type { Arrow } from "../stage-protocol.ts";
import type { Piece } from "./piece.ts";

/** What a piece of a conversation is. */
export interface Sight {
  readonly what: Arrow["what"];
  readonly label: string;
  /** Default 0. */
  readonly events?: number;
  /** Default false. */
  readonly isWasted?: boolean;
  readonly answerTo?: number | null;
}

/** A request, and what its answer has to know of it. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  /** Of its arrow; `null` while its end has not been seen. */
  number: number | null;
}

/** Where a parser puts what it has read. The answer is the arrow's number. */
export type Tell = (sight: Sight, piece: Piece) => number;

/** What the two directions of a connection have to know of each other. */
export interface Talk {
  /** Requests that have no final answer yet. */
  readonly open: Exchange[];
  /** The upgrade (RFC 9110 §7.8) that was agreed on: from here on frames go both ways. */
  upgrade: Exchange | null;
}
