import { hash } from "node:crypto";
import type { XmlNode } from "../xml/xml-node.ts";

/**
 * Key sequencing (XEP-0124 §15): each request shows what the key of the one before was made of, so that nobody who reads
 * along can send one. A client that never sets `newkey` does without.
 */
export class KeyChain {
  /** What the next request's key has to hash to. */
  #expected: string | null = null;

  /** Takes the keys of the next request; `false` if they do not follow. */
  follow(body: XmlNode): boolean {
    const [key, next] = [body.attribute("key"), body.attribute("newkey")];
    if (this.#expected !== null) {
      if (key === undefined || hash("sha1", key) !== this.#expected.toLowerCase()) return false;
      this.#expected = key;
    }
    if (next !== undefined) this.#expected = next;
    return true;
  }
}
