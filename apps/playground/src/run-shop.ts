import { renderPage } from "./page.ts";
import { Publisher } from "./publisher.ts";
import { Shop } from "./shop.ts";
import { createShopServer } from "./shop-server.ts";

/** Options of {@link runShop}. */
export interface RunShopOptions {
  /** Port on loopback; 0 is any free one. */
  readonly port: number;
  /** The gateway's public listener, for the page. */
  readonly gateway: string;
  /** The gateway's admin listener, to publish to. */
  readonly admin: string;
  readonly speed?: number;
  /** Is told when publishing begins to fail, and (with `null`) when it works again. */
  readonly onTrouble?: (reason: string | null) => void;
}

/** A shop that is open. */
export interface RunningShop {
  /** `http://localhost:3000`. */
  readonly url: string;
  /** Stops taking orders and baking, then gives what is not yet published `waitMs` to get out. */
  close(waitMs: number): Promise<void>;
}

/** Opens the shop: its HTTP interface, its kitchen, and the publisher that tells the gateway. */
export async function runShop(options: RunShopOptions): Promise<RunningShop> {
  const { port, gateway, admin, speed = 1, onTrouble = () => undefined } = options;
  const shop = new Shop({ speed });
  const publisher = new Publisher({ gateway: admin, onTrouble });
  shop.onChange((order) => publisher.publish(order));
  let url = "";
  const server = createShopServer({
    shop,
    page: () => renderPage({ shop: url, gateway, admin }),
    isTakingOrders: () => !publisher.isFull,
  });
  url = localUrl(await server.listen({ port, host: "127.0.0.1" }));
  return {
    url,
    async close(waitMs: number): Promise<void> {
      await server.close();
      shop.close();
      await publisher.close(waitMs);
    },
  };
}

/** The same address with the name that people type. */
export function localUrl(address: string): string {
  return address.replace("//127.0.0.1:", "//localhost:").replace(/\/$/, "");
}
