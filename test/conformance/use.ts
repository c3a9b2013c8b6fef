import type { Clock } from "@sluice/core";
import { afterAll, afterEach, beforeAll, test } from "vitest";
import { mergeSettings, type Settings } from "../support/settings.ts";
import { TestGateway } from "../support/test-gateway.ts";
import type { Connecting, Lack, Reader, ReaderDriver, ReaderOptions } from "./drivers/reader-driver.ts";

/** A gateway for all tests of the block that this is called in, with what the driver needs of one. */
export function useGateway(
  settings: Settings = {},
  driver?: Pick<ReaderDriver, "settings">,
  clock?: Clock,
): { readonly current: TestGateway } {
  let gateway: TestGateway | undefined;
  beforeAll(async () => {
    gateway = await TestGateway.start(withNeeds(settings, driver), clock);
  });
  afterAll(() => gateway?.close());
  return {
    get current() {
      if (gateway === undefined) throw new Error("The gateway has not been started");
      return gateway;
    },
  };
}

/** The settings of a case with those that a driver needs. */
export function withNeeds(settings: Settings, driver: Pick<ReaderDriver, "settings"> | undefined): Settings {
  return mergeSettings(driver?.settings ?? {}, settings);
}

/** How drivers reach a gateway. */
export function placeOf({ url, adminUrl, gateway }: TestGateway): Pick<ReaderOptions, "url" | "adminUrl" | "xmppPort"> {
  const xmppPort = gateway.xmppPorts[1];
  return { url, adminUrl, ...(xmppPort === undefined ? {} : { xmppPort }) };
}

/** Why a driver can't do what a case is about; `""` if it can. */
export function lackOf(driver: Pick<ReaderDriver, "lacks">, ...features: readonly Lack[]): string {
  return features.flatMap((feature) => driver.lacks?.[feature] ?? []).join("; ");
}

/** A title, and why it is that of a skipped test. */
export function titled(title: string, lack: string): string {
  return lack === "" ? title : `${title} (${lack})`;
}

/** `test`, but for transports that lack what the case is about: there it is skipped, and says why. */
export function testWith(
  driver: Pick<ReaderDriver, "lacks">,
  ...features: readonly Lack[]
): (title: string, body: () => Promise<void>) => void {
  const lack = lackOf(driver, ...features);
  return (title, body) => test.skipIf(lack !== "")(titled(title, lack), body);
}

/** What metrics call the driver's transport. */
export function metricOf({ name, metricName }: Pick<ReaderDriver, "name" | "metricName">): string {
  return metricName ?? name;
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
export type ConnectTo = (
  gateway: TestGateway,
  options: Omit<ReaderOptions, "url" | "adminUrl" | "xmppPort">,
) => Promise<Reader>;

/** The same for one transport. */
export function useDriver(driver: Connecting): ConnectTo {
  const connect = useReaders();
  return (gateway, options) => connect(driver.connect({ ...placeOf(gateway), ...options }));
}
