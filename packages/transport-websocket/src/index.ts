export { CLOSE_CODES } from "./close-codes.ts";
export type { WebSocketLimits } from "./limits.ts";
export { SUBPROTOCOL, websocket, type WebSocketOptions } from "./websocket.ts";
