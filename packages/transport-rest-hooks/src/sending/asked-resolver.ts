import type { LookupAddress } from "node:dns";

/** Resolves names by asking another thread. */
export class AskedResolver {
  readonly #ask: (ticket: number, hostname: string) => void;
  readonly #asked = new Map<number, PromiseWithResolvers<readonly LookupAddress[]>>();
  #ticket = 0;

  /** @param ask passes a question on; the answer is {@link resolved} or {@link failed} with its ticket */
  constructor(ask: (ticket: number, hostname: string) => void) {
    this.#ask = ask;
  }

  /** All addresses of a name; rejects with what the other thread's resolver said, and its `code`. */
  resolve(hostname: string): Promise<readonly LookupAddress[]> {
    const asked = Promise.withResolvers<readonly LookupAddress[]>();
    this.#ticket += 1;
    this.#asked.set(this.#ticket, asked);
    this.#ask(this.#ticket, hostname);
    return asked.promise;
  }

  resolved(ticket: number, addresses: readonly LookupAddress[]): void {
    this.#asked.get(ticket)?.resolve(addresses);
    this.#asked.delete(ticket);
  }

  failed(ticket: number, code: string, reason: string): void {
    this.#asked.get(ticket)?.reject(Object.assign(new Error(reason), { code }));
    this.#asked.delete(ticket);
  }
}
