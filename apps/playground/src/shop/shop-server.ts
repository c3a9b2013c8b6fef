import fastify, { type FastifyInstance, type FastifyReply } from "fastify";
import { MENU } from "./menu.ts";
import { isStatus, viewOf } from "./order.ts";
import type { Changing, Shop } from "./shop.ts";

/** Options of {@link createShopServer}. */
export interface ShopServerOptions {
  readonly shop: Shop;
  /** The HTML of `GET /`. */
  readonly page: () => string;
}

interface ById {
  readonly Params: { readonly id: string };
}

const BODY_LIMIT_BYTES = 4096;

/**
 * The shop's HTTP interface; it does not listen yet.
 *
 * `GET /menu` · `POST /orders` (`{"pizza":"…"}` or the same as a form) · `GET /orders` · `GET /orders/:id` ·
 * `PATCH /orders/:id` (`{"status":"…"}`) · `DELETE /orders/:id` (cancels)
 */
export function createShopServer(options: ShopServerOptions): FastifyInstance {
  const { shop, page } = options;
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
    const placing = shop.place(textOf(request.body, "pizza"));
    if (placing.outcome === "kitchen-full") {
      return refuse(reply.header("retry-after", "2"), 503, "The kitchen is full. Try again in a moment.");
    }
    if (placing.outcome === "unknown-pizza") {
      return refuse(reply, 422, `There is no such pizza. On the menu: ${MENU.map(({ name }) => name).join(", ")}.`);
    }
    return reply.code(201).header("location", `/orders/${placing.order.id}`).send(viewOf(placing.order));
  });

  server.get<ById>("/orders/:id", (request, reply) => {
    const order = shop.find(request.params.id);
    return order === undefined ? refuse(reply, 404, "There is no such order.") : reply.send(viewOf(order));
  });

  server.patch<ById>("/orders/:id", (request, reply) => {
    const status = textOf(request.body, "status");
    if (!isStatus(status)) return refuse(reply, 422, "The status is one of placed, baking, ready, cancelled.");
    return answer(reply, shop.change(request.params.id, status));
  });

  server.delete<ById>("/orders/:id", (request, reply) => answer(reply, shop.change(request.params.id, "cancelled")));

  return server;
}

function answer(reply: FastifyReply, changing: Changing): FastifyReply {
  if (changing.outcome === "unknown-order") return refuse(reply, 404, "There is no such order.");
  if (changing.outcome === "changed") return reply.send(viewOf(changing.order));
  return refuse(reply, 409, `The order is ${changing.order.status}: that does not go any more.`);
}

/** The member of that name in a body, if that is text; else nothing. */
function textOf(body: unknown, name: string): string {
  const value = typeof body === "object" && body !== null ? (body as Record<string, unknown>)[name] : undefined;
  return typeof value === "string" ? value : "";
}

function refuse(reply: FastifyReply, status: number, error: string): FastifyReply {
  return reply.code(status).send({ error });
}
