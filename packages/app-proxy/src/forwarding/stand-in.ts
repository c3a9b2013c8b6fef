import type { IncomingMessage } from "node:http";
import type { Escort } from "./escort.ts";

/**
 * Asks the app for a document that the gateway has too, and lets the gateway answer if the app has none. Many apps answer
 * every path that they don't know with a page, a login or a redirect to one: that is no document.
 */
export class StandIn implements Escort {
  readonly outlivesClient = false;
  readonly #path: string;
  readonly #answer: () => void;

  /** @param answer by the gateway */
  constructor(path: string, answer: () => void) {
    this.#path = path;
    this.#answer = answer;
  }

  readonly instead = (answer: IncomingMessage): (() => void) | null => (this.#isDocument(answer) ? null : this.#answer);

  answered(): null {
    return null;
  }

  over(): void {
    // Nothing was begun.
  }

  /** One that is somewhere else keeps its name. */
  #isDocument({ statusCode = 0, headers }: IncomingMessage): boolean {
    if (statusCode === 304) return true;
    if (statusCode >= 300 && statusCode <= 399) return headers.location?.includes(this.#path) === true;
    return statusCode >= 200 && statusCode <= 299 && !/^text\/html\b/i.test(headers["content-type"] ?? "");
  }
}
