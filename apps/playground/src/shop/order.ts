/**
 * Where an order stands.
 *
 *     placed → baking → ready
 *        ╰───────┴────→ cancelled
 */
export type OrderStatus = "placed" | "baking" | "ready" | "cancelled";

/** Where an order may go from where it stands. */
export const NEXT_STATUSES: Readonly<Record<OrderStatus, readonly OrderStatus[]>> = Object.freeze({
  placed: ["baking", "cancelled"],
  baking: ["ready", "cancelled"],
  ready: [],
  cancelled: [],
});

/** One order. Immutable: a change makes a new one. */
export interface Order {
  /** Six letters and digits, unlike any other's, also after the shop was closed and opened again. */
  readonly id: string;
  readonly pizza: string;
  readonly status: OrderStatus;
  readonly placedAtMs: number;
  readonly changedAtMs: number;
}

/** Whether the text names a status. */
export function isStatus(text: string): text is OrderStatus {
  return Object.hasOwn(NEXT_STATUSES, text);
}

/** Whether something is still to happen to it. */
export function isOpen({ status }: Order): boolean {
  return NEXT_STATUSES[status].length > 0;
}

/** An order as the shop's HTTP interface shows it. */
export interface OrderView {
  readonly id: string;
  readonly pizza: string;
  readonly status: OrderStatus;
  /** RFC 3339, UTC. */
  readonly placed_at: string;
  /** RFC 3339, UTC. */
  readonly changed_at: string;
}

/** What customers see of an order. */
export function viewOf(order: Order): OrderView {
  return {
    id: order.id,
    pizza: order.pizza,
    status: order.status,
    placed_at: new Date(order.placedAtMs).toISOString(),
    changed_at: new Date(order.changedAtMs).toISOString(),
  };
}
