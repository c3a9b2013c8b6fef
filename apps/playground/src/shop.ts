import { findPizza } from "./menu.ts";
import { isOpen, type Order, type OrderStatus } from "./order.ts";
import { systemTimers, type Timers } from "./timers.ts";

/** Options of a {@link Shop}. */
export interface ShopOptions {
  /** How many times faster than the menu says; default 1. */
  readonly speed?: number;
  /** Orders that may be placed or baking at once; default 500. */
  readonly maxOpenOrders?: number;
  /** Orders that are remembered when they are done; default 1000, the oldest are forgotten first. */
  readonly maxDoneOrders?: number;
  readonly timers?: Timers;
}

/** What became of a wish to order. */
export type Placing =
  | { readonly outcome: "placed"; readonly order: Order }
  | { readonly outcome: "unknown-pizza" }
  | { readonly outcome: "kitchen-full" };

/** What became of a wish to cancel. */
export type Cancelling =
  | { readonly outcome: "cancelled"; readonly order: Order }
  | { readonly outcome: "too-late"; readonly order: Order }
  | { readonly outcome: "unknown-order" };

const PREPARING_MS = 2_000;
// Without letters and digits that are easily mistaken for each other.
const ID_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz";
const ID_LENGTH = 6;

/** A pizzeria: takes orders, bakes them in time, tells of every change. It keeps everything in memory. */
export class Shop {
  readonly #orders = new Map<string, Order>();
  readonly #nextSteps = new Map<string, () => void>();
  readonly #listeners = new Set<(order: Order) => void>();
  /** Ids of orders that are done, in the order in which they were. */
  readonly #done: string[] = [];
  readonly #speed: number;
  readonly #maxOpenOrders: number;
  readonly #maxDoneOrders: number;
  readonly #timers: Timers;

  constructor(options: ShopOptions = {}) {
    this.#speed = options.speed ?? 1;
    if (!(this.#speed > 0 && this.#speed <= 10_000)) throw new RangeError("speed must be above 0 and at most 10000");
    this.#maxOpenOrders = options.maxOpenOrders ?? 500;
    this.#maxDoneOrders = options.maxDoneOrders ?? 1_000;
    this.#timers = options.timers ?? systemTimers;
  }

  /** Calls `listener` with the order after each change, in the order of the changes. The answer ends that. */
  onChange(listener: (order: Order) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes an order for the pizza of that name. */
  place(pizzaName: string): Placing {
    const pizza = findPizza(pizzaName);
    if (pizza === undefined) return { outcome: "unknown-pizza" };
    if (this.#nextSteps.size >= this.#maxOpenOrders) return { outcome: "kitchen-full" };
    const nowMs = this.#timers.now();
    const order: Order = {
      id: this.#newId(),
      pizza: pizza.name,
      status: "placed",
      revision: 1,
      placedAtMs: nowMs,
      changedAtMs: nowMs,
    };
    this.#orders.set(order.id, order);
    this.#later(order.id, PREPARING_MS, () => {
      this.#later(order.id, pizza.bakingMs, () => this.#change(order.id, "ready"));
      this.#change(order.id, "baking");
    });
    this.#tell(order);
    return { outcome: "placed", order };
  }

  /** Cancels an order unless it is ready. Cancelling twice is cancelling once. */
  cancel(id: string): Cancelling {
    const order = this.#orders.get(id);
    if (order === undefined) return { outcome: "unknown-order" };
    if (order.status === "ready") return { outcome: "too-late", order };
    if (order.status === "cancelled") return { outcome: "cancelled", order };
    this.#nextSteps.get(id)?.();
    return { outcome: "cancelled", order: this.#change(id, "cancelled") };
  }

  /** The order of that id, unless it is unknown or was forgotten. */
  find(id: string): Order | undefined {
    return this.#orders.get(id);
  }

  /** All orders that are remembered, the newest first. */
  list(): Order[] {
    return [...this.#orders.values()].toReversed();
  }

  /** Puts the fire out: nothing changes any more. */
  close(): void {
    for (const stop of this.#nextSteps.values()) stop();
    this.#nextSteps.clear();
    this.#listeners.clear();
  }

  #later(id: string, delayMs: number, step: () => void): void {
    this.#nextSteps.set(id, this.#timers.after(delayMs / this.#speed, step));
  }

  #change(id: string, status: OrderStatus): Order {
    const order = this.#orders.get(id);
    if (order === undefined) throw new Error(`There is no order ${id}.`);
    const changed: Order = { ...order, status, revision: order.revision + 1, changedAtMs: this.#timers.now() };
    this.#orders.set(id, changed);
    if (!isOpen(changed)) this.#finish(id);
    this.#tell(changed);
    return changed;
  }

  #finish(id: string): void {
    this.#nextSteps.delete(id);
    this.#done.push(id);
    while (this.#done.length > this.#maxDoneOrders) this.#orders.delete(this.#done.shift() as string);
  }

  #tell(order: Order): void {
    for (const listener of this.#listeners) listener(order);
  }

  #newId(): string {
    for (;;) {
      let id = "";
      while (id.length < ID_LENGTH) id += ID_ALPHABET[Math.floor(this.#timers.random() * ID_ALPHABET.length)] as string;
      if (!this.#orders.has(id)) return id;
    }
  }
}
