import type { SluiceError } from "./sluice-error.ts";

/** Topics that were added and of which it is not known yet whether they may be read. */
export interface Wish {
  readonly topics: readonly string[];
  readonly settled: PromiseWithResolvers<void>;
}

/** The wishes of one client. */
export interface Wishes {
  list(): readonly Wish[];
  /** Adds those topics that were not there. */
  add(added: readonly string[]): Wish;
  grant(granted: readonly Wish[]): void;
  /** Takes all wishes' topics away again. Whether there were any. */
  deny(error: SluiceError): boolean;
}

/** `topics` is what the client reads; wishes add to it. */
export function newWishes(topics: Set<string>): Wishes {
  let wishes: readonly Wish[] = [];
  return {
    list: () => wishes,
    add(added) {
      const wish = { topics: added.filter((topic) => !topics.has(topic)), settled: Promise.withResolvers<void>() };
      for (const topic of added) topics.add(topic);
      // Who does not look at the answer is not to be punished for a refusal.
      wish.settled.promise.catch(() => {});
      wishes = [...wishes, wish];
      return wish;
    },
    grant(granted) {
      wishes = wishes.filter((wish) => !granted.includes(wish));
      for (const { settled } of granted) settled.resolve();
    },
    deny(error) {
      const denied = wishes;
      wishes = [];
      for (const wish of denied) {
        for (const topic of wish.topics) topics.delete(topic);
        wish.settled.reject(error);
      }
      return denied.length > 0;
    },
  };
}
