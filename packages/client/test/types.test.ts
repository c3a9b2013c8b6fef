import { describe, expectTypeOf, test } from "vitest";
import { connect, type Gap, type Item, type SluiceError, type TransportName } from "../src/index.ts";
import { connect as connectShared } from "../src/shared/index.ts";

interface Order {
  readonly pizza: string;
}

// What is looked at is what the compiler says: a fault here fails the type check, not the run.
const example = (): ReturnType<typeof connect<Order>> =>
  connect<Order>("http://localhost:8080", { topics: "orders/*" });

describe("types", () => {
  test("data is what the caller says; without saying it is unknown", () => {
    expectTypeOf<Parameters<Parameters<ReturnType<typeof example>["on"]>[1]>[0]>().not.toBeAny();
    expectTypeOf(connect).returns.toHaveProperty("cursor").toEqualTypeOf<string | null>();
    expectTypeOf<Extract<Item<Order>, { gap?: undefined }>["data"]>().toEqualTypeOf<Order>();
    expectTypeOf<Extract<Item, { gap?: undefined }>["data"]>().toEqualTypeOf<unknown>();
  });

  test("a gap is told from an event by its member", () => {
    const take = (item: Item<Order>): string => {
      if (item.gap !== undefined) {
        expectTypeOf(item.gap).toEqualTypeOf<Gap>();
        return item.gap.resumedAt;
      }
      expectTypeOf(item.data).toEqualTypeOf<Order>();
      return item.cursor;
    };
    expectTypeOf(take).returns.toBeString();
  });

  test("listeners get what their name says", () => {
    const listen = (): void => {
      const sluice = example();
      sluice.on("event", (event) => expectTypeOf(event.data).toEqualTypeOf<Order>());
      sluice.on("gap", (gap) => expectTypeOf(gap).toEqualTypeOf<Gap>());
      sluice.on("transport", ({ transport }) => expectTypeOf(transport).toEqualTypeOf<TransportName>());
      sluice.on("state", ({ error }) => expectTypeOf(error).toEqualTypeOf<SluiceError | null>());
      // @ts-expect-error there is no such thing
      sluice.on("message", () => {});
    };
    expectTypeOf(listen).toBeFunction();
  });

  test("the shared one is the same, with one option more", () => {
    expectTypeOf(connectShared<Order>).returns.toEqualTypeOf<ReturnType<typeof connect<Order>>>();
    expectTypeOf<NonNullable<Parameters<typeof connectShared>[1]>["shared"]>().toEqualTypeOf<boolean | undefined>();
  });
});
