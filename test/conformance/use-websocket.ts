import type { Settings } from "../support/settings.ts";
import { SECRET } from "../support/tokens.ts";
import { freshTopic } from "../support/topics.ts";
import type { ReaderOptions } from "./drivers/reader-driver.ts";
import { connectWebSocket, type WebSocketReader } from "./drivers/websocket.ts";
import { type useGateway, useReaders } from "./use.ts";

/** A gateway on which `open/**` is public, and everything else needs a token. */
export const guarded: Settings = {
  access: { public: ["open/**"], jwt: { secret: SECRET, cookie: "session" } },
  limits: { message: "16KiB" },
};

/** Connects WebSocket readers of the block's tests; they begin without topics. */
export function useWebSocket(): (
  gateway: ReturnType<typeof useGateway>,
  options?: Partial<ReaderOptions>,
) => Promise<WebSocketReader> {
  const track = useReaders();
  return (gateway, options = {}) => track(connectWebSocket({ url: gateway.current.url, topics: [], ...options }));
}

/** A public topic that no other test uses. */
export function openTopic(): string {
  return `open/${freshTopic()}`;
}
