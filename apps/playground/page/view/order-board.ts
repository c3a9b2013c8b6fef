import { LANES } from "../lanes.ts";
import type { OrderOnBoard, Orders } from "../model/orders.ts";
import { find, make, say } from "./dom.ts";

const COLUMNS = ["placed", "baking", "ready"] as const;
/** Orders shown in a column; the others are counted. */
const SHOWN = 5;
/** How long an order that is ready stays. */
const STAYS_MS = 20_000;

/** The board behind the counter: where each order is, and which lanes know. */
export class OrderBoard {
  readonly #orders: Orders;
  readonly #chips = new Map<string, HTMLLIElement>();

  constructor(orders: Orders) {
    this.#orders = orders;
  }

  update(now: number): void {
    const byStatus = Map.groupBy(this.#orders.all, ({ status }) => status);
    const shown = new Set<string>();
    for (const status of COLUMNS) {
      const column = find(document, `.column[data-status="${status}"]`);
      const isShown = ({ changedAt }: OrderOnBoard): boolean => status !== "ready" || now - changedAt < STAYS_MS;
      const orders = (byStatus.get(status) ?? []).filter(isShown).toSorted((a, b) => b.changedAt - a.changedAt);
      say(find(column, ".tally"), String(orders.length));
      const chips = orders.slice(0, SHOWN).map((order) => this.#chip(order));
      for (const order of orders.slice(0, SHOWN)) shown.add(order.id);
      this.#fill(find(column, "ul"), chips, orders.length - chips.length);
    }
    for (const id of this.#chips.keys()) if (!shown.has(id)) this.#chips.delete(id);
  }

  /** Chips keep their elements; what has not changed is left alone. */
  #fill(list: HTMLElement, chips: readonly HTMLLIElement[], more: number): void {
    const text = more > 0 ? `and ${more} more` : "";
    const last = list.querySelector(".more");
    const isSame = chips.length + (more > 0 ? 1 : 0) === list.children.length && (last?.textContent ?? "") === text;
    if (isSame && chips.every((chip, index) => list.children[index] === chip)) return;
    list.replaceChildren(...chips, ...(more > 0 ? [make("li", "more", text)] : []));
  }

  #chip(order: OrderOnBoard): HTMLLIElement {
    let chip = this.#chips.get(order.id);
    if (chip === undefined) {
      chip = make("li", "chip");
      const lights = make("span", "seven");
      lights.append(...LANES.map(() => make("i")));
      chip.append(make("span", "pizza", order.pizza), make("span", "id", order.id), lights);
      this.#chips.set(order.id, chip);
    }
    const knowing = LANES.filter(({ name }) => this.#orders.knows(name, order));
    const lights = chip.querySelectorAll("i");
    for (const [index, { name }] of LANES.entries()) {
      lights[index]?.classList.toggle("on", this.#orders.knows(name, order));
    }
    const told = `known to ${knowing.length} of ${LANES.length} lanes`;
    if (chip.title !== told) chip.title = told;
    return chip;
  }
}
