import { Shop } from "./shop.ts";
import { createShopServer } from "./shop-server.ts";

/** Options of {@link runShop}. */
export interface RunShopOptions {
  /** Port on loopback; 0 is any free one. */
  readonly port: number;
  /** The HTML of its front page. */
  readonly page: () => string;
}

/** A shop that is open. */
export interface RunningShop {
  /** `http://127.0.0.1:3000`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Opens the shop: its book of orders, and its HTTP interface. */
export async function runShop({ port, page }: RunShopOptions): Promise<RunningShop> {
  const server = createShopServer({ shop: new Shop(), page });
  const url = await server.listen({ port, host: "127.0.0.1" });
  return { url, close: () => server.close() };
}
