import { type Action, type Credentials, SluiceError } from "@sluice/core";
import { describe, expect, test } from "vitest";
import { accessWith, bearer, filters, mayRead, outcome } from "./support/access.ts";
import { forge, SECRET } from "./support/tokens.ts";

const token = forge(
  { alg: "HS256" },
  { sluice: { read: ["orders/*", "bills/**", "$sys/**", "*/news"], publish: ["orders/1"], hooks: ["orders/*"] } },
);
const options = { public: filters("menu", "news/**") };

describe("what a token grants", () => {
  test.each<[Action, string, string]>([
    ["read", "orders/1", "granted"],
    ["read", "orders/*", "granted"],
    ["read", "orders/1/2", "forbidden"],
    ["read", "orders", "forbidden"],
    ["read", "orders/**", "forbidden"],
    ["read", "**", "forbidden"],
    ["read", "bills/1/2", "granted"],
    ["read", "bills/*", "granted"],
    ["read", "bills/**", "granted"],
    ["read", "bills", "forbidden"],
    ["read", "$sys/readers", "granted"],
    ["read", "shop/news", "granted"],
    ["read", "$sys/news", "granted"],
    ["read", "menu", "granted"],
    ["read", "news/today/sport", "granted"],
    ["publish", "orders/1", "granted"],
    ["publish", "orders/2", "forbidden"],
    ["publish", "orders/*", "forbidden"],
    ["publish", "menu", "forbidden"],
    ["hooks", "orders/2", "granted"],
    ["hooks", "menu", "forbidden"],
    ["hooks", "bills/1", "forbidden"],
  ])("%s %s: %s", async (action, topic, expected) => {
    const { access } = accessWith(options);
    const principal = await access.identify(bearer(token));
    expect(await outcome(access.check(principal, action, filters(topic)))).toBe(expected);
  });

  test("must cover all that is asked for", async () => {
    const { access } = accessWith(options);
    const principal = await access.identify(bearer(token));
    expect(await outcome(access.check(principal, "read", filters("menu", "orders/1", "bills/2")))).toBe("granted");
    expect(await outcome(access.check(principal, "read", filters("menu", "orders/1", "other")))).toBe("forbidden");
    expect(await outcome(access.check(principal, "read", []))).toBe("granted");
  });
});

describe("without a grant it is 401 without credentials, 403 with them", () => {
  const jwt = { secret: SECRET, cookie: "auth" };

  test.each<[string, Credentials, string]>([
    ["nothing", {}, "unauthorized"],
    ["a cookie that is none of ours", { cookie: "session=1" }, "unauthorized"],
    ["an empty cookie of ours", { cookie: "auth=" }, "unauthorized"],
    ["an empty Authorization", { authorization: "" }, "unauthorized"],
    ["another scheme", { authorization: "Basic Zm9v" }, "forbidden"],
    ["a token", bearer(forge({ alg: "HS256" }, {})), "forbidden"],
    ["a token in the cookie", { cookie: `auth=${forge({ alg: "HS256" }, {})}` }, "forbidden"],
  ])("%s", async (_, credentials, expected) => {
    const { access } = accessWith({ ...options, jwt });
    expect(await mayRead(access, credentials, "orders/1")).toBe(expected);
    expect(await mayRead(access, credentials, "menu")).toBe("granted");
  });

  test.each<[string, Credentials, string]>([
    ["nothing", {}, "unauthorized"],
    ["a cookie", { cookie: "auth=x" }, "unauthorized"],
    ["a Bearer", bearer("x"), "forbidden"],
    ["an access_token", { accessToken: "x" }, "forbidden"],
    ["an empty access_token", { accessToken: "" }, "unauthorized"],
  ])("where no tokens are configured, too: %s", async (_, credentials, expected) => {
    const { access } = accessWith({ ...options, jwt: null });
    expect(await mayRead(access, credentials, "orders/1")).toBe(expected);
    expect(await mayRead(access, credentials, "menu")).toBe("granted");
  });
});

test("a refusal is the same for every topic but for its name: it shows nothing of which there are", async () => {
  const { access } = accessWith(options);
  const refusal = async (credentials: Credentials, topic: string): Promise<unknown> => {
    const principal = await access.identify(credentials);
    const error: unknown = await access.check(principal, "read", filters(topic)).catch((thrown: unknown) => thrown);
    if (!(error instanceof SluiceError)) throw new Error("it was not refused");
    return { code: error.code, message: error.message.replace(topic, "IT"), field: error.field };
  };
  for (const credentials of [{}, bearer(token)]) {
    expect(await refusal(credentials, "secret/1")).toEqual(await refusal(credentials, "no-such-topic"));
    expect(await refusal(credentials, "secret/**")).toEqual(await refusal(credentials, "no-such/**"));
  }
});
