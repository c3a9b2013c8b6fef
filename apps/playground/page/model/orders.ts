import type { LaneName } from "../../src/stage/stage-protocol.ts";
import type { OrderData } from "../clients/reader.ts";

/** An order, and which lanes know how far it is. */
export interface OrderOnBoard {
  readonly id: string;
  readonly pizza: string;
  status: OrderData["status"];
  /** When this was first heard. */
  changedAt: number;
  /** How far it is as each lane knows. */
  readonly known: Map<LaneName, OrderData["status"]>;
}

const RANK: Readonly<Record<OrderData["status"], number>> = { placed: 0, baking: 1, ready: 2, cancelled: 3 };
/** Orders that are remembered; those that are done go first. */
const REMEMBERED = 600;

/** All orders that any lane has told of. The lane that is the first to know moves them. */
export class Orders {
  readonly #byId = new Map<string, OrderOnBoard>();

  get all(): Iterable<OrderOnBoard> {
    return this.#byId.values();
  }

  /** How many are not done. */
  get openCount(): number {
    return [...this.#byId.values()].filter(({ status }) => RANK[status] < RANK.ready).length;
  }

  /** Some lane has heard of an order. Whether the board did not know that yet. */
  hear(lane: LaneName, { id, pizza, status }: OrderData, at: number): boolean {
    const known = this.#byId.get(id);
    const order: OrderOnBoard = known ?? { id, pizza, status, changedAt: at, known: new Map() };
    if (known === undefined) this.#add(order);
    const last = order.known.get(lane);
    if (last === undefined || RANK[status] >= RANK[last]) order.known.set(lane, status);
    if (known !== undefined && RANK[status] <= RANK[order.status]) return false;
    order.status = status;
    order.changedAt = at;
    return true;
  }

  /** Whether a lane knows how far an order is. */
  knows(lane: LaneName, { known, status }: OrderOnBoard): boolean {
    return known.get(lane) === status;
  }

  #add(order: OrderOnBoard): void {
    this.#byId.set(order.id, order);
    if (this.#byId.size <= REMEMBERED) return;
    const oldest = [...this.#byId.values()].find(({ status }) => RANK[status] >= RANK.ready) ?? order;
    this.#byId.delete(oldest.id);
  }
}
