import { array, assert, constantFrom, oneof, property, string, tuple } from "fast-check";
import { describe, expect, test } from "vitest";
import { isTopic } from "@sluice/core";
import { ResourceTable } from "../src/index.ts";
import { rule } from "./support/front.ts";

function table(...paths: (string | Parameters<typeof rule>[0])[]): ResourceTable {
  return new ResourceTable(paths.map((path) => rule(typeof path === "string" ? { path } : path)));
}

describe("match", () => {
  const orders = table("/orders", "/orders/:id", "/orders/latest", "/:kind/:id/items", "/orders/:id/items");

  test.each([
    ["/orders", "/orders", "orders"],
    ["/orders/", "/orders", "orders"],
    ["/orders/42", "/orders/:id", "orders/42"],
    ["/orders/42/", "/orders/:id", "orders/42"],
    ["/orders/42?wait=5&transport=sse", "/orders/:id", "orders/42"],
    ["/orders/latest", "/orders/latest", "orders/latest"],
    ["/orders/lat%65st", "/orders/latest", "orders/latest"],
    ["/%6frders/%34%32", "/orders/:id", "orders/42"],
    ["/orders/Gr%C3%BC%C3%9Fe", "/orders/:id", "orders/Grüße"],
    ["/orders/7/items", "/orders/:id/items", "orders/7/items"],
    ["/books/7/items", "/:kind/:id/items", "books/7/items"],
  ])("%s is %s with the topic %s", (target, path, topic) => {
    const match = orders.match(target);
    expect(match?.rule.path).toBe(path);
    expect(match?.topic).toBe(topic);
  });

  test.each([
    ["a space", "/orders/a%20b"],
    ["a bare space", "/orders/a b"],
    ["an encoded slash", "/orders/a%2Fb"],
    ["bytes that are no UTF-8", "/orders/%FF"],
    ["what is no encoding", "/orders/%zz"],
    ["300 characters", `/orders/${"x".repeat(300)}`],
    ["a wildcard", "/orders/*"],
    ["two wildcards", "/orders/%2A%2A"],
    ["dots", "/orders/.."],
    ["encoded dots", "/orders/%2e%2E"],
    ["a backslash", "/orders/a%5Cb"],
    ["an encoded percent", "/orders/a%252Fb"],
    ["NUL", "/orders/%00"],
    ["a hash", "/orders/a#b"],
    ["nothing", "/orders//"],
    ["two slashes", "//orders/42"],
    ["two slashes at the end", "/orders/42//"],
    ["the gateway's own topics", "/$sys/7/items"],
    ["another path", "/order/42"],
    ["a longer path", "/orders/42/items/1"],
    ["another case", "/Orders/42"],
    ["no path", "*"],
    ["the root", "/"],
  ])("nothing for %s", (_what, target) => {
    expect(orders.match(target)).toBeNull();
  });

  test("the root can be a resource", () => {
    expect(table({ path: "/", topic: "home" }).match("/?x=1")?.topic).toBe("home");
    expect(table({ path: "/", topic: "home" }).match("//")).toBeNull();
  });

  test("a literal goes before a parameter from the left, whatever the order of the rules", () => {
    for (const rules of [
      ["/a/:y", "/:x/b"],
      ["/:x/b", "/a/:y"],
    ]) {
      expect(table(...rules).match("/a/b")?.rule.path).toBe("/a/:y");
    }
  });

  test("a topic of its own, with the parameters in another order", () => {
    const shops = table({ path: "/shops/:shop/orders/:id", topic: "orders/:id/at/:shop" });
    expect(shops.match("/shops/rome/orders/7")?.topic).toBe("orders/7/at/rome");
    expect(shops.pathOf("orders/7/at/rome")).toBe("/shops/rome/orders/7");
  });
});

describe("the query as part of the topic", () => {
  const search = table({ path: "/orders", query: "include" }, { path: "/orders/:id", query: "include" });

  test.each([
    ["/orders", "orders"],
    ["/orders?", "orders"],
    ["/orders?b=2&a=1", "orders&a=1&b=2"],
    ["/orders?a=1&b=2&", "orders&a=1&b=2"],
    ["/orders?a=2&a=1", "orders&a=1&a=2"],
    ["/orders?open", "orders&open"],
    ["/orders?open=", "orders&open="],
    ["/orders?name=Gr%C3%BC%C3%9Fe", "orders&name=Grüße"],
    ["/orders?eq=a%3Db", "orders&eq=a=b"],
    ["/orders/7?full=1", "orders/7&full=1"],
  ])("%s is %s", (target, topic) => {
    expect(search.match(target)?.topic).toBe(topic);
  });

  test.each([
    ["white space", "/orders?q=a+b"],
    ["a slash", "/orders?q=a%2Fb"],
    ["an ampersand within a value", "/orders?q=a%26b=1"],
    ["an ampersand within a parameter of the path", "/orders/7&full=1"],
    ["an equals sign within a name", "/orders?a%3Db=1"],
    ["bytes that are no UTF-8", "/orders?q=%FF"],
    ["more than a topic holds", `/orders?q=${"x".repeat(300)}`],
  ])("nothing for %s", (_what, target) => {
    expect(search.match(target)).toBeNull();
  });

  test("leads back to the URL", () => {
    expect(search.pathOf("orders&a=1&b=2")).toBe("/orders?a=1&b=2");
    expect(search.pathOf("orders&b=2&a=1")).toBeNull();
    expect(search.pathOf("orders&name=Grüße")).toBe("/orders?name=Gr%C3%BC%C3%9Fe");
  });
});

describe("pathOf", () => {
  test.each([
    ["orders/42", "/orders/42"],
    ["orders", "/orders"],
    ["orders/a&b=c;d", "/orders/a%26b%3Dc%3Bd"],
    ["orders/Grüße", "/orders/Gr%C3%BC%C3%9Fe"],
    ["orders/latest", "/orders/latest"],
    ["orders/me@home", "/orders/me%40home"],
    ["users/@me", "/users/@me"],
  ])("%s stands for %s", (topic, path) => {
    expect(table("/orders", "/orders/:id", "/orders/latest", "/users/@me").pathOf(topic)).toBe(path);
  });

  test.each(["orders/..", "orders/.", "orders/a/b", "other/42", "orders/*", "orders/a%2Fb", "", "orders/", "$sys/x"])(
    "%s stands for none",
    (topic) => {
      expect(table("/orders", "/orders/:id").pathOf(topic)).toBeNull();
    },
  );

  test("keeps a slash that the rule has at its end", () => {
    expect(table("/orders/:id/").pathOf("orders/42")).toBe("/orders/42/");
  });

  test("gives no path whose own topic is another one", () => {
    const rules = table({ path: "/orders/:id", topic: "o/:id" }, { path: "/orders/latest", topic: "latest" });
    expect(rules.pathOf("o/latest")).toBeNull();
    expect(rules.pathOf("latest")).toBe("/orders/latest");
    expect(rules.pathOf("o/42")).toBe("/orders/42");
  });

  test("none where the topic lacks a parameter of the path", () => {
    expect(table({ path: "/shops/:shop/orders/:id", topic: "orders/:id" }).pathOf("orders/7")).toBeNull();
  });

  test("leads back: the topic of a path stands for a path with that topic", () => {
    const rules = table("/orders", "/orders/:id", { path: "/x/:a/:b", topic: "y/:b/:a", query: "include" }, "/:any");
    const segment = oneof(constantFrom("orders", "x", "42", "a&b", "a=b", "%41", "ü"), string({ unit: "binary" }));
    const target = tuple(array(segment, { maxLength: 4 }), string({ maxLength: 8 })).map(
      ([segments, query]) => `/${segments.map((one) => encodeURIComponent(one.toWellFormed())).join("/")}?${query}`,
    );
    assert(
      property(target, (url) => {
        const match = rules.match(url);
        if (match === null) return;
        expect(isTopic(match.topic)).toBe(true);
        const path = rules.pathOf(match.topic);
        expect(path).not.toBeNull();
        expect(rules.match(path as string)?.topic).toBe(match.topic);
      }),
      { numRuns: 2000 },
    );
  });
});
