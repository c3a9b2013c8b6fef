import type { IncomingMessage } from "node:http";
import { isHopByHop, type HeaderList } from "./header-list.ts";

/** Fields with which the app speaks to the gateway, and never to a client. */
const OWN_PREFIX = "sluice-";

/** What of the app's answer depends on the way to the client. */
export interface AnswerPath {
  /** Whether what goes to the client can carry trailers: it is chunked. */
  readonly canTrail: boolean;
}

/** The header of the app's answer for the client: end-to-end fields as they came, every `Set-Cookie` on its own line. */
export function answerHeaders(answer: IncomingMessage, { canTrail }: AnswerPath): HeaderList {
  const { rawHeaders } = answer;
  const isHop = isHopByHop(answer);
  const list: HeaderList = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const rawName = rawHeaders[index] as string;
    const name = rawName.toLowerCase();
    if (isHop(name) || name.startsWith(OWN_PREFIX) || (name === "trailer" && !canTrail)) continue;
    list.push(rawName, rawHeaders[index + 1] as string);
  }
  return list;
}
