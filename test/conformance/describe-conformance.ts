import { describe } from "vitest";
import { accessCases } from "./cases/access.ts";
import { badInputCases } from "./cases/bad-input.ts";
import { drainCases } from "./cases/drain.ts";
import { expiryCases } from "./cases/expiry.ts";
import { gapCases } from "./cases/gap.ts";
import { limitCases } from "./cases/limits.ts";
import { orderCases } from "./cases/order.ts";
import { reloadCases } from "./cases/reload.ts";
import { resumeCases } from "./cases/resume.ts";
import { slowCases } from "./cases/slow.ts";
import { startCases } from "./cases/start.ts";
import { topicCases } from "./cases/topics.ts";
import type { ReaderDriver } from "./drivers/reader-driver.ts";

/** What holds on every transport, for one of them. A case that can't hold on it says why in its name. */
export function describeConformance(driver: ReaderDriver): void {
  describe(`conformance: ${driver.name}`, () => {
    orderCases(driver);
    startCases(driver);
    resumeCases(driver);
    gapCases(driver);
    topicCases(driver);
    slowCases(driver);
    accessCases(driver);
    expiryCases(driver);
    reloadCases(driver);
    drainCases(driver);
    limitCases(driver);
    badInputCases(driver);
  });
}
