/** Changes on their way out, oldest first. What is in it stays until it is known to have arrived. */
export class Outbox<Item> {
  readonly #items: Item[] = [];
  readonly #capacity: number;

  /** @param capacity From so many items on it says that it is full. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#items.length;
  }

  /** Whether new business should be refused. It still takes what old business brings, for losing that is worse. */
  get isFull(): boolean {
    return this.#items.length >= this.#capacity;
  }

  add(item: Item): void {
    this.#items.push(item);
  }

  /** The oldest items, at most `count`; they stay. */
  peek(count: number): readonly Item[] {
    return this.#items.slice(0, count);
  }

  /** Takes the oldest `count` items out: they have arrived. */
  drop(count: number): void {
    this.#items.splice(0, count);
  }
}
