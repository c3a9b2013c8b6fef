import type { OrderStatus, OrderView } from "./shop/order.ts";
import { systemTimers, type Timers } from "./timers.ts";

/** Options of a {@link Cook}. */
export interface CookOptions {
  /** The shop's public address, where customers go too: `http://localhost:8080`. */
  readonly shop: string;
  /** How many times faster than the menu says; default 1. */
  readonly speed?: number;
  /** Is told when the shop can't be reached, with the reason, and (with `null`) when it can be again. */
  readonly onTrouble?: (reason: string | null) => void;
  readonly timers?: Timers;
}

interface Menu {
  readonly pizzas: readonly { readonly name: string; readonly baking_seconds: number }[];
}

interface Page {
  readonly events: readonly { readonly data: OrderView }[];
  readonly gap?: unknown;
}

const PREPARING_MS = 2_000;
const UNKNOWN_BAKING_MS = 10_000;
const WAIT_SECONDS = 30;
const ANSWER_MS = 10_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/**
 * The cook's tablet: a client of the shop like any other. It watches the list of orders, and says of each one when it is
 * in the oven and when it is ready, with a `PATCH`.
 *
 * ```
 *   GET /orders ──► Link rel="monitor" ──► long poll ──► rel="next" ──► long poll …
 *        ▲                                     │ a gap, or no answer: what happened meanwhile is in the list
 *        ╰─────────────────────────────────────╯
 * ```
 *
 * A `PATCH` without an answer is sent again until there is one. It changes nothing twice; and if the gateway died after
 * the shop had made the change and before it was published, the repetition publishes it.
 */
export class Cook {
  readonly #shop: string;
  #speed = 1;
  readonly #onTrouble: (reason: string | null) => void;
  readonly #timers: Timers;
  readonly #stopping = new AbortController();
  readonly #tasks = new Set<Promise<void>>();
  /** Ids of the orders that are being made. */
  readonly #making = new Set<string>();
  readonly #sleepers = new Set<() => void>();
  #bakingMs: ReadonlyMap<string, number> = new Map();
  /** Requests in a row without a proper answer. */
  #failures = 0;

  constructor(options: CookOptions) {
    this.#shop = options.shop;
    this.speed = options.speed ?? 1;
    this.#onTrouble = options.onTrouble ?? (() => undefined);
    this.#timers = options.timers ?? systemTimers;
  }

  /** How many times faster than the menu says. */
  get speed(): number {
    return this.#speed;
  }

  /**
   * Holds at once, also for what is in the oven.
   * @throws {RangeError}
   */
  set speed(speed: number) {
    if (!(speed > 0 && speed <= 10_000)) throw new RangeError("speed must be above 0 and at most 10000");
    this.#speed = speed;
    this.#wakeAll();
  }

  /** Begins to work. Once only. */
  start(): void {
    this.#run(this.#watch());
  }

  /** Puts the fire out: what is in the oven stays as it is. */
  async close(): Promise<void> {
    this.#stopping.abort();
    this.#wakeAll();
    await Promise.all(this.#tasks);
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  #run(work: Promise<void>): void {
    const task = work.finally(() => this.#tasks.delete(task));
    this.#tasks.add(task);
  }

  // One thing after the other is what a cook does.

  async #watch(): Promise<void> {
    while (!this.#isStopping) {
      await this.#untilDone(async () => {
        let url: string | null = await this.#readOrders();
        while (url !== null && !this.#isStopping) url = await this.#readChanges(url);
      });
    }
  }

  /** Takes all orders that are open; the URL of what changes from here on. */
  async #readOrders(): Promise<string> {
    const menu = (await (await this.#ask("/menu")).json()) as Menu;
    this.#bakingMs = new Map(menu.pizzas.map(({ name, baking_seconds }) => [name, baking_seconds * 1000]));
    const response = await this.#ask("/orders");
    const { orders } = (await response.json()) as { readonly orders: readonly OrderView[] };
    for (const order of orders.toReversed()) this.#take(order);
    return linkIn(response, "monitor");
  }

  /** Waits for new orders and takes them; the URL of the next ones, `null` after a gap. */
  async #readChanges(url: string): Promise<string | null> {
    const response = await this.#ask(url, { headers: { prefer: `wait=${WAIT_SECONDS}` } }, WAIT_SECONDS * 1000);
    const { events, gap } = (await response.json()) as Page;
    for (const { data } of events) this.#take(data);
    return gap === undefined ? linkIn(response, "next") : null;
  }

  #take(order: OrderView): void {
    const isToDo = order.status === "placed" || order.status === "baking";
    if (isToDo && !this.#making.has(order.id)) this.#run(this.#make(order));
  }

  async #make({ id, pizza, status }: OrderView): Promise<void> {
    this.#making.add(id);
    const bakingMs = this.#bakingMs.get(pizza) ?? UNKNOWN_BAKING_MS;
    if (status === "baking" || (await this.#step(id, "baking", PREPARING_MS))) await this.#step(id, "ready", bakingMs);
    this.#making.delete(id);
  }

  /** Gives an order its next status after a while. False: it is not wanted any more, or the day is over. */
  async #step(id: string, status: OrderStatus, afterMs: number): Promise<boolean> {
    await this.#work(afterMs);
    let isDone = false;
    await this.#untilDone(async () => {
      const headers = { "content-type": "application/json" };
      const response = await this.#ask(`/orders/${id}`, { method: "PATCH", headers, body: JSON.stringify({ status }) });
      await response.body?.cancel();
      isDone = response.ok;
    });
    return isDone;
  }

  /** Works for so long as it takes at speed 1, at whatever speed holds meanwhile. */
  async #work(workMs: number): Promise<void> {
    let leftMs = workMs;
    while (leftMs > 0 && !this.#isStopping) {
      const speed = this.#speed;
      const beganAtMs = this.#timers.now();
      const isDone = await this.#sleep(leftMs / speed);
      leftMs = isDone ? 0 : leftMs - (this.#timers.now() - beganAtMs) * speed;
    }
  }

  /** Tries until it works, with pauses that grow. Never rejects. */
  async #untilDone(work: () => Promise<void>): Promise<void> {
    while (!this.#isStopping) {
      try {
        return await work();
      } catch (error) {
        if (this.#isStopping) return;
        if (this.#failures === 0) this.#onTrouble(reasonOf(error as Error));
        const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures, 10));
        this.#failures += 1;
        await this.#sleep(pauseMs * (0.5 + this.#timers.random() / 2));
      }
    }
  }

  /* oxlint-enable no-await-in-loop */

  /** Any answer but a 5xx is one. @throws {Error} */
  async #ask(path: string, init: RequestInit = {}, patienceMs = 0): Promise<Response> {
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(ANSWER_MS + patienceMs)]);
    const response = await fetch(new URL(path, this.#shop), { ...init, signal });
    if (response.status >= 500) {
      await response.body?.cancel();
      throw new Error(`${response.status} ${response.statusText}`);
    }
    if (this.#failures > 0) this.#onTrouble(null);
    this.#failures = 0;
    return response;
  }

  /** Until the time is over (true), or something has changed. */
  #sleep(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#isStopping) return resolve(false);
      const end = (isOver: boolean): void => {
        cancel();
        this.#sleepers.delete(wake);
        resolve(isOver);
      };
      const wake = (): void => end(false);
      const cancel = this.#timers.after(ms, () => end(true));
      this.#sleepers.add(wake);
    });
  }

  #wakeAll(): void {
    for (const wake of this.#sleepers) wake();
  }
}

/** @throws {Error} if there is none */
function linkIn(response: Response, relation: "monitor" | "next"): string {
  const url = new RegExp(`<([^>]*)>; rel="${relation}"`).exec(response.headers.get("link") ?? "")?.[1];
  if (url === undefined) throw new Error(`${response.status}, without a Link to what is ${relation}`);
  return url;
}

function reasonOf({ cause, message }: Error): string {
  return cause instanceof Error && cause.message !== "" ? cause.message : message;
}
