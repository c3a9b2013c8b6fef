import type { TransportName } from "@sluice/client";
import { describe, vi } from "vitest";
import { gapCases } from "../conformance/cases/gap.ts";
import { orderCases } from "../conformance/cases/order.ts";
import { resumeCases } from "../conformance/cases/resume.ts";
import { slowCases } from "../conformance/cases/slow.ts";
import { startCases } from "../conformance/cases/start.ts";
import type { ReaderDriver } from "../conformance/drivers/reader-driver.ts";
import { clientDriver } from "./support/client-driver.ts";

// The client hands over values, not texts: of data that JavaScript can't write as it was, there is nothing to compare.
vi.mock("../support/odd-data.ts", async (load) => {
  const { oddData } = await load<{ readonly oddData: readonly (readonly [string, string])[] }>();
  return { oddData: oddData.filter(([, text]) => JSON.stringify(JSON.parse(text)) === text) };
});

const TRANSPORTS: readonly (TransportName | "auto")[] = ["auto", "websocket", "sse", "long-polling", "polling"];

// The cases about reading. Those about refusals look at HTTP answers, which a client hides: `client.test.ts` has its own.
describe.each(TRANSPORTS)("conformance of the client: %s", (transport) => {
  const driver: ReaderDriver = {
    ...clientDriver(transport),
    refusal: () => Promise.reject(new Error("The client shows no answers")),
  };
  orderCases(driver);
  startCases(driver);
  resumeCases(driver);
  gapCases(driver);
  slowCases(driver);
});
