import { afterAll, afterEach, beforeAll } from "vitest";
import type { Settings } from "../support/settings.ts";
import { TestGateway } from "../support/test-gateway.ts";
import type { Connecting, Reader, ReaderOptions } from "./drivers/reader-driver.ts";

/** A gateway for all tests of the block that this is called in. */
export function useGateway(settings: Settings = {}): { readonly current: TestGateway } {
  let gateway: TestGateway | undefined;
  beforeAll(async () => {
    gateway = await TestGateway.start(settings);
  });
  afterAll(() => gateway?.close());
  return {
    get current() {
      if (gateway === undefined) throw new Error("The gateway has not been started");
      return gateway;
    },
  };
}

/** Gateways that tests of the block start themselves: each is closed after its test. */
export function useOwnGateways(): (gateway: Promise<TestGateway>) => Promise<TestGateway> {
  const open: TestGateway[] = [];
  afterEach(async () => {
    for (const gateway of open.splice(0)) await gateway.close();
  });
  return async (starting) => {
    const gateway = await starting;
    open.push(gateway);
    return gateway;
  };
}

/** Connects readers that are gone after the test. */
export type Connect = <R extends Reader>(connecting: Promise<R>) => Promise<R>;

/** Readers of the block's tests: each is closed after its test. */
export function useReaders(): Connect {
  const open: Reader[] = [];
  afterEach(async () => {
    for (const reader of open.splice(0)) {
      reader.resume();
      reader.cut();
      await reader.close();
    }
  });
  return async (connecting) => {
    const reader = await connecting;
    open.push(reader);
    return reader;
  };
}

/** Connects a reader of this transport to this gateway. */
export type ConnectTo = (gateway: TestGateway, options: Omit<ReaderOptions, "url" | "adminUrl">) => Promise<Reader>;

/** The same for one transport. */
export function useDriver(driver: Connecting): ConnectTo {
  const connect = useReaders();
  return (gateway, options) => connect(driver.connect({ url: gateway.url, adminUrl: gateway.adminUrl, ...options }));
}
