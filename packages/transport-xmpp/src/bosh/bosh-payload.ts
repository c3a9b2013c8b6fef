import type { Readable } from "node:stream";
import { LOGGED_IN } from "../xml/xml-reader.ts";

/** What is read of a request that is too large before its connection is closed: short of that its client hears why. */
const MAX_READ_BYTES = 1024 * 1024;

/** The bytes of one HTTP request. */
export interface BoshPayload {
  /** Of one that is too large its beginning, which says whose it is. */
  readonly bytes: Buffer;
  readonly isTooLarge: boolean;
  /** Whether there is no more to come on its connection. */
  readonly isRead: boolean;
}

/** Reads a request, and keeps no more of it than a stanza may have. @throws if it breaks off */
export async function readPayload(stream: Readable): Promise<BoshPayload> {
  const kept: Buffer[] = [];
  let readBytes = 0;
  // Its socket is needed for the answer.
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    readBytes += chunk.length;
    if (readBytes <= LOGGED_IN.characters) kept.push(chunk);
    else if (readBytes > MAX_READ_BYTES) return { bytes: Buffer.concat(kept), isTooLarge: true, isRead: false };
  }
  return { bytes: Buffer.concat(kept), isTooLarge: readBytes > LOGGED_IN.characters, isRead: true };
}
