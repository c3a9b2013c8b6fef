/**
 * Where an order stands.
 *
 *     placed → baking → ready
 *        ╰───────┴────→ cancelled
 */
export type OrderStatus = "placed" | "baking" | "ready" | "cancelled";

/** One order. Immutable: a change makes a new one with the next revision. */
export interface Order {
  /** Six letters and digits, unlike any other's, also after the shop was closed and opened again. */
  readonly id: string;
  readonly pizza: string;
  readonly status: OrderStatus;
  /** 1 when placed, one more with each change. */
  readonly revision: number;
  readonly placedAtMs: number;
  readonly changedAtMs: number;
}

/** Whether something is still to happen to it. */
export function isOpen(order: Order): boolean {
  return order.status === "placed" || order.status === "baking";
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
