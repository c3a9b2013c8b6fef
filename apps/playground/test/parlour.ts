import { fileURLToPath } from "node:url";
import { loadConfig, startGateway, type Gateway } from "@sluice/gateway";
import type { FastifyInstance } from "fastify";
import type { OrderView } from "../src/shop/order.ts";
import { Shop } from "../src/shop/shop.ts";
import { createShopServer } from "../src/shop/shop-server.ts";

const CONFIG = fileURLToPath(new URL("../sluice.yaml", import.meta.url));

/** An event of an order, as far as the tests look at it. */
export interface SeenEvent {
  readonly topic: string;
  readonly type: string;
  readonly cursor: string;
  readonly data: OrderView;
}

/** All events of orders that a gateway has, the oldest first. */
export async function eventsOf(front: string): Promise<readonly SeenEvent[]> {
  const response = await fetch(`${front}/realtime/events?topic=orders&topic=orders/**&after=earliest&limit=1000`);
  return ((await response.json()) as { readonly events: readonly SeenEvent[] }).events;
}

/** How many readers a gateway has by a transport. */
export async function connectionsOf(admin: string, transport: string): Promise<number> {
  const metrics = await (await fetch(`${admin}/metrics`)).text();
  return Number(new RegExp(`sluice_connections\\{transport="${transport}"\\} (\\d+)`).exec(metrics)?.[1] ?? 0);
}

/** The shop and a gateway in front of it in this process, on free ports, with the playground's own configuration. */
export class Parlour {
  readonly shop: Shop;
  readonly appUrl: string;
  /** Requests that the app has had, `METHOD path`. */
  readonly asked: readonly string[];
  gateway: Gateway;
  readonly #app: FastifyInstance;

  private constructor(parts: Pick<Parlour, "shop" | "appUrl" | "asked" | "gateway">, app: FastifyInstance) {
    this.shop = parts.shop;
    this.appUrl = parts.appUrl;
    this.asked = parts.asked;
    this.gateway = parts.gateway;
    this.#app = app;
  }

  static async open(): Promise<Parlour> {
    const shop = new Shop();
    const app = createShopServer({ shop, page: () => "" });
    const asked: string[] = [];
    app.server.on("request", ({ method, url }) => asked.push(`${method} ${url}`));
    const appUrl = await app.listen({ port: 0, host: "127.0.0.1" });
    const gateway = await startFront(appUrl, "127.0.0.1:0", "127.0.0.1:0");
    return new Parlour({ shop, appUrl, asked, gateway }, app);
  }

  /** The gateway's public address. */
  get url(): string {
    return this.gateway.publicUrl;
  }

  /** Another gateway in the place of the one that was closed, with an empty log. */
  async reopenGateway(): Promise<void> {
    const { publicUrl, adminUrl } = this.gateway;
    this.gateway = await startFront(this.appUrl, new URL(publicUrl).host, new URL(adminUrl).host);
  }

  /** Orders at this address; by the gateway unless another is given. */
  async order(pizza: string, url: string = this.url): Promise<OrderView> {
    const response = await fetch(`${url}/orders`, { method: "POST", body: new URLSearchParams({ pizza }) });
    if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
    return (await response.json()) as OrderView;
  }

  /** Gives an order another status, through the gateway. */
  async set(id: string, status: string): Promise<number> {
    const response = await fetch(`${this.url}/orders/${id}`, {
      method: "PATCH",
      body: new URLSearchParams({ status }),
    });
    await response.text();
    return response.status;
  }

  async close(): Promise<void> {
    await this.gateway.close();
    await this.#app.close();
  }
}

async function startFront(app: string, publicListen: string, adminListen: string): Promise<Gateway> {
  const values = {
    app,
    "public.listen": publicListen,
    "admin.listen": adminListen,
    "log.kind": "memory",
    "transports.xmpp.tcp.listen": "127.0.0.1:0",
  };
  const overrides = Object.entries(values).map(([key, value]) => ({ key, value }));
  const loaded = await loadConfig({ path: CONFIG, env: {}, mode: "serve", overrides });
  if ("faults" in loaded) throw new Error(JSON.stringify(loaded.faults));
  return startGateway({ config: loaded.config });
}
