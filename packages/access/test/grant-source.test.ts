import { type Credentials, SluiceError } from "@sluice/core";
import { beforeEach, describe, expect, test } from "vitest";
import type { Asker, GrantSource, GrantVerdict } from "../src/index.ts";
import { accessWith, bearer, filters, mayRead, until } from "./support/access.ts";
import { forge, READS, SECRET, sign } from "./support/tokens.ts";

let asked: string[];
let seen: Asker[];
let verdicts: Map<string, GrantVerdict | Error>;

/** Grants by a table, at once or a turn later. */
const source: GrantSource = {
  ask(asker, action, filter) {
    asked.push(`${action} ${filter.text}`);
    seen.push(asker);
    const verdict = verdicts.get(filter.text) ?? "silent";
    if (verdict === "granted") return verdict;
    return new Promise((resolve, reject) => {
      const isThrown = verdict instanceof SluiceError && verdict.code === "app-unavailable";
      setImmediate(() => (isThrown ? reject(verdict) : resolve(verdict as GrantVerdict)));
    });
  },
};

beforeEach(() => {
  asked = [];
  seen = [];
  verdicts = new Map<string, GrantVerdict | Error>([
    ["pages/1", "granted"],
    ["pages/2", new SluiceError("not-found", "There is no such page.")],
    ["pages/3", new SluiceError("app-unavailable", "The app does not answer.")],
  ]);
});

function access(
  jwt: { secret: string; cookie?: string } | null = { secret: SECRET },
): ReturnType<typeof accessWith>["access"] {
  return accessWith({ jwt, sources: [source] }).access;
}

describe("a further source", () => {
  test("is asked only for what nothing else grants", async () => {
    const token = bearer(await sign(READS));
    expect(await mayRead(access(), token, "menu", "orders/1")).toBe("granted");
    expect(asked).toEqual([]);
    expect(await mayRead(access(), token, "menu", "orders/1", "pages/1")).toBe("granted");
    expect(asked).toEqual(["read pages/1"]);
  });

  test.each([
    ["pages/1", "granted"],
    ["pages/2", "not-found"],
    ["pages/3", "app-unavailable"],
    ["pages/4", "forbidden"],
  ])("decides: %s is %s", async (topic, expected) => {
    expect(await mayRead(access(), bearer("opaque"), topic)).toBe(expected);
  });

  test("without credentials its silence is 401", async () => {
    expect(await mayRead(access(), {}, "pages/4")).toBe("unauthorized");
    expect(await mayRead(access(), {}, "pages/1")).toBe("granted");
  });

  test("has a say after another one's refusal", async () => {
    const refusing: GrantSource = { ask: () => new SluiceError("forbidden", "Not here.") };
    const both = accessWith({ sources: [refusing, source] }).access;
    expect(await mayRead(both, {}, "pages/1")).toBe("granted");
    expect(await mayRead(both, {}, "pages/2")).toBe("forbidden");
  });

  test.each<[string, Credentials, boolean]>([
    ["an opaque Bearer", bearer("opaque"), false],
    ["a JWT of another issuer", bearer(forge({ alg: "HS256" }, READS, "another")), false],
    ["a scheme of the app's own", { authorization: "Token Zm9v" }, false],
    ["a cookie", { cookie: "session=1" }, true],
    ["a Bearer and a cookie", { authorization: "Bearer opaque", cookie: "session=1" }, false],
    ["what a browser sends by itself", { authorization: "Basic Zm9v" }, true],
    ["the same and a cookie", { authorization: "Basic Zm9v", cookie: "session=1" }, true],
  ])("finds all that came: %s", async (_, credentials, isByCookie) => {
    const came = { ...credentials, site: "https://shop.example.org" };
    expect(await mayRead(access(), came, "pages/1")).toBe("granted");
    expect(seen[0]).toMatchObject({ subject: null, hasCredentials: true, isByCookie, credentials: came });
    expect(seen[0]?.foreign).toEqual({ authorization: undefined, cookie: undefined, ...came });
  });

  test("finds nothing that is not there, and who brings nothing shares what stands for them", async () => {
    const gateway = access();
    const [one, two, other] = await Promise.all(
      ["http://a", "http://a", "http://b"].map((site) => gateway.identify({ authorization: "", cookie: "", site })),
    );
    expect(one).toBe(two);
    expect(one).not.toBe(other);
    expect(one).toMatchObject({ hasCredentials: false, isByCookie: false, foreign: { site: "http://a", key: "" } });
    // Sites are named by clients: those that nobody comes by any more are forgotten.
    for (let index = 0; index < 64; index += 1) await gateway.identify({ site: `http://${index}` });
    expect(await gateway.identify({ site: "http://a" })).not.toBe(one);
  });

  test("finds the cookies beside a token of ours, and not the token", async () => {
    const text = await sign(READS);
    const [cookie, site] = ["session=1", "http://a"];
    const byBearer = { authorization: `Bearer ${text}`, cookie, site };
    expect(await mayRead(access(), byBearer, "pages/1")).toBe("granted");
    expect(seen[0]).toMatchObject({ subject: "ann", isByCookie: false, credentials: byBearer });
    expect(seen[0]?.foreign).toEqual({ authorization: undefined, cookie, site });
    const byCookie = { authorization: "Basic Zm9v", cookie: `session=1; auth=${text}`, site };
    expect(await mayRead(access({ secret: SECRET, cookie: "auth" }), byCookie, "pages/1")).toBe("granted");
    expect(seen[1]).toMatchObject({ subject: "ann", isByCookie: true, credentials: byCookie });
    expect(seen[1]?.foreign).toEqual(byCookie);
  });

  test("finds no cookie beside a token in the query: any page can put one there, and the cookie comes by itself", async () => {
    const accessToken = await sign(READS);
    const credentials = { accessToken, cookie: "session=1", site: "http://a" };
    expect(await mayRead(access(), credentials, "pages/1")).toBe("granted");
    expect(seen[0]).toMatchObject({ subject: "ann", isByCookie: false });
    expect(seen[0]?.credentials).toEqual({ accessToken, site: "http://a" });
    expect(seen[0]?.foreign).toEqual({ authorization: undefined, cookie: undefined, site: "http://a" });
  });

  test("never finds a token of the query", async () => {
    const gateway = access(null);
    expect(await mayRead(gateway, { accessToken: "opaque", site: "http://a" }, "pages/1")).toBe("granted");
    expect(await mayRead(gateway, { accessToken: "opaque", cookie: "session=1" }, "pages/1")).toBe("granted");
    expect(JSON.stringify(seen)).not.toContain("opaque");
    expect(seen.map(({ hasCredentials }) => hasCredentials)).toEqual([true, true]);
  });

  test("does not save a token of ours that is no longer good, nor one that only we could have given", async () => {
    const expired = forge({ alg: "HS256" }, { ...READS, exp: 1 });
    expect(await mayRead(access(), bearer(expired), "pages/1")).toBe("unauthorized");
    expect(await mayRead(access(), { accessToken: "opaque" }, "pages/1")).toBe("unauthorized");
    expect(await mayRead(access({ secret: SECRET, cookie: "auth" }), { cookie: "auth=x" }, "pages/1")).toBe(
      "unauthorized",
    );
  });
});

test("a reload asks it again: who is refused ends, who can't be judged stays", async () => {
  const gateway = access();
  const ended = new Map<string, string>();
  for (const topic of ["pages/1", "pages/5", "pages/6"]) {
    verdicts.set(topic, "granted");
    const principal = await gateway.identify({ cookie: "session=1" });
    await gateway.check(principal, "read", filters(topic));
    gateway.guard(
      principal,
      () => filters(topic),
      (reason) => ended.set(topic, reason.code),
    );
  }
  verdicts.set("pages/5", new SluiceError("not-found", "There is no such page."));
  verdicts.set("pages/6", new SluiceError("app-unavailable", "The app does not answer."));
  await gateway.reload({ public: [], jwt: { secret: SECRET }, sources: [source] });
  expect([...ended]).toEqual([["pages/5", "grant-revoked"]]);
  expect(gateway.readers).toBe(2);
});

test("a source that breaks ends the reader with a fault of ours, and it may come back", async () => {
  const gateway = access();
  const codes: string[] = [];
  gateway.guard(
    await gateway.identify({ cookie: "session=1" }),
    () => filters("pages/1"),
    ({ code }) => codes.push(code),
  );
  const broken: GrantSource = {
    ask: () => {
      throw new TypeError("undefined is not a function");
    },
  };
  await gateway.reload({ public: [], jwt: null, sources: [broken] });
  await until(() => codes.length > 0);
  expect(codes).toEqual(["internal"]);
});
