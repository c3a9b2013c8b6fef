export { MENU, type Pizza } from "./menu.ts";
export type { OrderStatus, OrderView } from "./order.ts";
export { Publisher, type PublisherOptions } from "./publisher.ts";
export { localUrl, runShop, type RunningShop, type RunShopOptions } from "./run-shop.ts";
