import type { Truth } from "../../src/stage/stage-protocol.ts";
import type { OrderData } from "../clients/reader.ts";

/** How many colours changes have; then they begin again. */
export const HUES = 8;

/** Something that happened to an order, as the log has it. */
export interface Change {
  /** Its place among those that this page has heard of: 0, 1, 2, … */
  readonly place: number;
  readonly id: string;
  readonly topic: string;
  readonly time: number;
  /** Which of the {@link HUES} colours it has, in all lanes. */
  readonly hue: number;
}

/** Changes that are remembered. */
const REMEMBERED = 2_000;

/**
 * All changes since the page began, in the log's order: what every lane has to get.
 */
export class Changes {
  readonly #all: Change[] = [];
  readonly #byId = new Map<string, Change>();
  readonly #orders = new Map<string, OrderData>();
  /** Ids from before the page began, which no lane owes. */
  readonly #before = new Set<string>();
  #count = 0;

  /** These have happened before the page began. */
  ignore(ids: Iterable<string>): void {
    for (const id of ids) this.#before.add(id);
  }

  get all(): readonly Change[] {
    return this.#all;
  }

  /** The change that the log tells of; `null` if it is known, or from before the page began. */
  add({ id, topic, time }: Truth): Change | null {
    if (this.isOld(id) || this.#byId.has(id)) return null;
    const change = { place: this.#count, id, topic, time, hue: this.#count % HUES };
    this.#count += 1;
    this.#all.push(change);
    this.#byId.set(id, change);
    if (this.#all.length > REMEMBERED) this.#forget();
    return change;
  }

  find(id: string): Change | undefined {
    return this.#byId.get(id);
  }

  isOld(id: string): boolean {
    return this.#before.has(id);
  }

  /** A lane has brought what is in it. */
  describe(id: string, order: OrderData): void {
    if (!this.isOld(id)) this.#orders.set(id, order);
  }

  /** What is in it, if a lane has brought it. */
  orderOf(id: string): OrderData | undefined {
    return this.#orders.get(id);
  }

  /** What to call it: `calzone baking`. */
  label({ id }: Change): string {
    const order = this.#orders.get(id);
    return order === undefined ? "" : `${order.pizza} ${order.status}`;
  }

  #forget(): void {
    const oldest = this.#all.shift();
    if (oldest === undefined) return;
    this.#byId.delete(oldest.id);
    this.#orders.delete(oldest.id);
  }
}
