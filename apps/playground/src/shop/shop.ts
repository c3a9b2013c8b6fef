import { findPizza } from "./menu.ts";
import { isOpen, NEXT_STATUSES, type Order, type OrderStatus } from "./order.ts";

/** Options of a {@link Shop}. */
export interface ShopOptions {
  /** Orders that may be placed or baking at once; default 500. */
  readonly maxOpenOrders?: number;
  /** Orders that are remembered when they are done; default 1000, the oldest are forgotten first. */
  readonly maxDoneOrders?: number;
  /** Wall clock, Unix milliseconds. */
  readonly now?: () => number;
  /** In [0, 1). */
  readonly random?: () => number;
}

/** What became of a wish to order. */
export type Placing =
  | { readonly outcome: "placed"; readonly order: Order }
  | { readonly outcome: "unknown-pizza" }
  | { readonly outcome: "kitchen-full" };

/** What became of a wish to change an order. */
export type Changing =
  | { readonly outcome: "changed"; readonly order: Order }
  | { readonly outcome: "not-possible"; readonly order: Order }
  | { readonly outcome: "unknown-order" };

// Without letters and digits that are easily mistaken for each other.
const ID_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz";
const ID_LENGTH = 6;

/** A pizzeria's book of orders. It keeps everything in memory, and does nothing by itself. */
export class Shop {
  readonly #orders = new Map<string, Order>();
  /** Ids of orders that are done, in the order in which they were. */
  readonly #done: string[] = [];
  readonly #maxOpenOrders: number;
  readonly #maxDoneOrders: number;
  readonly #now: () => number;
  readonly #random: () => number;

  constructor(options: ShopOptions = {}) {
    this.#maxOpenOrders = options.maxOpenOrders ?? 500;
    this.#maxDoneOrders = options.maxDoneOrders ?? 1_000;
    this.#now = options.now ?? Date.now;
    this.#random = options.random ?? Math.random;
  }

  /** Takes an order for the pizza of that name. */
  place(pizzaName: string): Placing {
    const pizza = findPizza(pizzaName);
    if (pizza === undefined) return { outcome: "unknown-pizza" };
    if (this.#orders.size - this.#done.length >= this.#maxOpenOrders) return { outcome: "kitchen-full" };
    const nowMs = this.#now();
    const order: Order = {
      id: this.#newId(),
      pizza: pizza.name,
      status: "placed",
      placedAtMs: nowMs,
      changedAtMs: nowMs,
    };
    this.#orders.set(order.id, order);
    return { outcome: "placed", order };
  }

  /** Gives an order its next status. The one that it has already changes nothing, and is no fault. */
  change(id: string, status: OrderStatus): Changing {
    const order = this.#orders.get(id);
    if (order === undefined) return { outcome: "unknown-order" };
    if (order.status === status) return { outcome: "changed", order };
    if (!NEXT_STATUSES[order.status].includes(status)) return { outcome: "not-possible", order };
    const changed: Order = { ...order, status, changedAtMs: this.#now() };
    this.#orders.set(id, changed);
    if (!isOpen(changed)) this.#finish(id);
    return { outcome: "changed", order: changed };
  }

  /** The order of that id, unless it is unknown or was forgotten. */
  find(id: string): Order | undefined {
    return this.#orders.get(id);
  }

  /** All orders that are remembered, the newest first. */
  list(): Order[] {
    return [...this.#orders.values()].toReversed();
  }

  #finish(id: string): void {
    this.#done.push(id);
    while (this.#done.length > this.#maxDoneOrders) this.#orders.delete(this.#done.shift() as string);
  }

  #newId(): string {
    for (;;) {
      let id = "";
      while (id.length < ID_LENGTH) id += ID_ALPHABET[Math.floor(this.#random() * ID_ALPHABET.length)] as string;
      if (!this.#orders.has(id)) return id;
    }
  }
}
