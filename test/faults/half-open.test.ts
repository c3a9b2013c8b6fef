import { afterEach, describe, expect, test } from "vitest";
import { longPolling } from "../conformance/drivers/long-polling.ts";
import { sse } from "../conformance/drivers/sse.ts";
import { connectWebSocket } from "../conformance/drivers/websocket.ts";
import { FreezingProxy } from "../support/freezing-proxy.ts";
import { GatewayProcess } from "../support/gateway-process.ts";

/** So long that a client that only waits for its turn on a busy machine is not taken for one that has vanished. */
const HEARTBEAT = "1s";

describe("half-open connections", () => {
  const closing: { close(): Promise<void> }[] = [];
  const track = async <T extends { close(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const one = await starting;
    closing.push(one);
    return one;
  };

  afterEach(async () => {
    for (const one of closing.splice(0).toReversed()) await one.close();
  });

  test("WebSocket: a client that answers two pings in a row with silence is given up; others stay", async () => {
    const gateway = await track(GatewayProcess.start({ transports: { websocket: { heartbeat: HEARTBEAT } } }));
    const proxy = await track(FreezingProxy.start(gateway.url));
    const vanishing = await connectWebSocket({ url: proxy.url, topics: ["a"] });
    const staying = await track(connectWebSocket({ url: gateway.url, topics: ["a"] }));
    await gateway.untilConnections("websocket", 2);
    proxy.freeze();
    await gateway.untilConnections("websocket", 1);
    await gateway.publisher.publish({ topic: "a", data: 1 });
    await staying.inbox.take(1);
    expect(vanishing.inbox.events).toEqual([]);
    vanishing.cut();
  });

  test("WebSocket: a client that is merely quiet stays for many heartbeats", async () => {
    const gateway = await track(GatewayProcess.start({ transports: { websocket: { heartbeat: HEARTBEAT } } }));
    const reader = await track(connectWebSocket({ url: gateway.url, topics: ["a"] }));
    await reader.inbox.until("5 heartbeats", () => reader.ops.filter(({ op }) => op === "heartbeat").length >= 5);
    expect(reader.inbox.end).toBeNull();
  });

  test.each([sse, longPolling])("$name: a connection that is reset frees its place", async (driver) => {
    const gateway = await track(GatewayProcess.start());
    const proxy = await track(FreezingProxy.start(gateway.url));
    const reader = await driver.connect({ url: proxy.url, topics: ["a"], after: "latest" });
    await gateway.untilConnections(driver.name, 1);
    proxy.freeze();
    await gateway.publisher.publish({ topic: "a", data: 1 });
    expect(reader.inbox.events).toEqual([]);
    await proxy.close();
    await gateway.untilConnections(driver.name, 0);
    reader.cut();
  });
});
