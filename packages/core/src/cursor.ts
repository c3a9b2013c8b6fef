import { SluiceError } from "./errors.ts";

/**
 * A place in a log. Outside it is the opaque text `EPOCH-POSITION` (base 36); inside, transports and the bus
 * carry the position alone and the log's epoch says which log it belongs to.
 */
export interface Cursor {
  /** Which log: made anew with each new log, so that a cursor of another one is recognised. */
  readonly epoch: string;
  /** Position of the last event read, from 1 on; 0 is before the first. */
  readonly position: number;
}

const CURSOR = /^[0-9a-z]{1,16}-(?:0|[1-9a-z][0-9a-z]{0,10})$/;

/** The text form that clients see. */
export function formatCursor(epoch: string, position: number): string {
  return `${epoch}-${position.toString(36)}`;
}

/**
 * Reads a cursor's text.
 * @param field the parameter or header that it stood in
 * @throws {SluiceError} `invalid-cursor` if the text is none
 */
export function parseCursor(text: string, field: string = "after"): Cursor {
  // A test and no match: each poll reads its cursor more than once, and a match is an array of strings.
  const dash = text.indexOf("-");
  const position = CURSOR.test(text) ? Number.parseInt(text.slice(dash + 1), 36) : Number.NaN;
  if (!Number.isSafeInteger(position)) {
    const others = field === "after" ? ", or earliest or latest" : "";
    throw new SluiceError("invalid-cursor", `That is no cursor: use one that the gateway gave${others}.`, { field });
  }
  return { epoch: text.slice(0, dash), position };
}

/** A new log's epoch: short, and different from any earlier one of the same machine. */
export function newEpoch(nowMs: number, random: number): string {
  return (
    Math.floor(nowMs / 1000).toString(36) +
    Math.floor(random * 1296)
      .toString(36)
      .padStart(2, "0")
  );
}
