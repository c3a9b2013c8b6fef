import { describe } from "vitest";
import { orderCases } from "./cases/order.ts";
import { restHooks } from "./drivers/rest-hooks.ts";

// Of the common cases those about what a reader gets. Where it begins, its credentials, its connection and its limits are
// a hook's own affair: packages/transport-rest-hooks/test.
describe("conformance: rest-hooks", () => {
  orderCases(restHooks);
});
