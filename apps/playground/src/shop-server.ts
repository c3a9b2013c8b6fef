import fastify, { type FastifyInstance, type FastifyReply } from "fastify";
import { MENU } from "./menu.ts";
import { viewOf } from "./order.ts";
import type { Shop } from "./shop.ts";

/** Options of {@link createShopServer}. */
export interface ShopServerOptions {
  readonly shop: Shop;
  /** The HTML of `GET /`. */
  readonly page: () => string;
  /** Whether new orders are taken; default always. */
  readonly isTakingOrders?: () => boolean;
}

const BODY_LIMIT_BYTES = 4096;

/**
 * The shop's HTTP interface; it does not listen yet.
 *
 * `GET /menu` · `POST /orders` (`{"pizza":"…"}` or the same as a form) · `GET /orders` · `GET /orders/:id` ·
 * `DELETE /orders/:id` (cancels)
 */
export function createShopServer(options: ShopServerOptions): FastifyInstance {
  const { shop, page, isTakingOrders = () => true } = options;
  const server = fastify({ bodyLimit: BODY_LIMIT_BYTES, forceCloseConnections: true });

  server.addContentTypeParser("application/x-www-form-urlencoded", { parseAs: "string" }, (_request, body, done) => {
    done(null, Object.fromEntries(new URLSearchParams(String(body))));
  });

  server.get("/", (_request, reply) => reply.type("text/html; charset=utf-8").send(page()));

  server.get("/menu", () => ({
    pizzas: MENU.map(({ name, toppings, bakingMs }) => ({ name, toppings, baking_seconds: bakingMs / 1000 })),
  }));

  server.get("/orders", () => ({ orders: shop.list().map(viewOf) }));

  server.post("/orders", (request, reply) => {
    if (!isTakingOrders()) return busy(reply, "Too many changes wait to be told. Try again in a moment.");
    const pizza = pizzaOf(request.body);
    const placing = shop.place(pizza);
    if (placing.outcome === "kitchen-full") return busy(reply, "The kitchen is full. Try again in a moment.");
    if (placing.outcome === "unknown-pizza") {
      return refuse(reply, 422, `There is no such pizza. On the menu: ${MENU.map(({ name }) => name).join(", ")}.`);
    }
    return reply.code(201).header("location", `/orders/${placing.order.id}`).send(viewOf(placing.order));
  });

  server.get<{ Params: { id: string } }>("/orders/:id", (request, reply) => {
    const order = shop.find(request.params.id);
    return order === undefined ? refuse(reply, 404, "There is no such order.") : reply.send(viewOf(order));
  });

  server.delete<{ Params: { id: string } }>("/orders/:id", (request, reply) => {
    const cancelling = shop.cancel(request.params.id);
    if (cancelling.outcome === "unknown-order") return refuse(reply, 404, "There is no such order.");
    if (cancelling.outcome === "too-late") return refuse(reply, 409, "It is ready: too late to cancel.");
    return reply.send(viewOf(cancelling.order));
  });

  return server;
}

function pizzaOf(body: unknown): string {
  const pizza = typeof body === "object" && body !== null ? (body as Record<string, unknown>)["pizza"] : undefined;
  return typeof pizza === "string" ? pizza : "";
}

function refuse(reply: FastifyReply, status: number, error: string): FastifyReply {
  return reply.code(status).send({ error });
}

function busy(reply: FastifyReply, error: string): FastifyReply {
  return refuse(reply.header("retry-after", "2"), 503, error);
}
