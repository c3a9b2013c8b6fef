export { Cook, type CookOptions } from "./cook.ts";
export { MENU, type Pizza } from "./shop/menu.ts";
export type { OrderStatus, OrderView } from "./shop/order.ts";
export { runShop, type RunningShop, type RunShopOptions } from "./shop/run-shop.ts";
