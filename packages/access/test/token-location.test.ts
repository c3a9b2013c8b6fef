import { expect, test } from "vitest";
import { cookieValue, findToken } from "../src/tokens/token-location.ts";

test.each([
  ["a Bearer", { authorization: "Bearer T" }, { by: "bearer", text: "T" }],
  ["any case, several spaces", { authorization: "bEARER   T" }, { by: "bearer", text: "T" }],
  ["a Bearer without a token", { authorization: "Bearer" }, { by: "bearer", text: "" }],
  ["a Bearer with two", { authorization: "Bearer T U" }, { by: "bearer", text: "T U" }],
  [
    "a Bearer before all else",
    { authorization: "Bearer T", cookie: "auth=C", accessToken: "Q" },
    { by: "bearer", text: "T" },
  ],
  ["a bad Bearer before all else", { authorization: "Bearer", cookie: "auth=C" }, { by: "bearer", text: "" }],
  ["a cookie before the query", { cookie: "auth=C", accessToken: "Q" }, { by: "cookie", text: "C" }],
  ["an empty cookie is none", { cookie: "auth=", accessToken: "Q" }, { by: "query", text: "Q" }],
  ["the query", { accessToken: "Q" }, { by: "query", text: "Q" }],
  ["an empty query", { accessToken: "" }, { by: "query", text: "" }],
  ["another scheme is passed over", { authorization: "Basic Zm9v", accessToken: "Q" }, { by: "query", text: "Q" }],
  ["a scheme that only begins so", { authorization: "Bearers T" }, undefined],
  ["nothing", {}, undefined],
  ["another cookie", { cookie: "session=C; xauth=D" }, undefined],
] as const)("%s", (_, credentials, found) => {
  expect(findToken(credentials, "auth")).toEqual(found);
});

test("no cookie counts unless one is named", () => {
  expect(findToken({ cookie: "auth=C" }, null)).toBeUndefined();
});

test.each([
  ["auth=T", "T"],
  ["a=1; auth=T; b=2", "T"],
  ["a=1;auth=T;b=2", "T"],
  ['auth="T"', "T"],
  ['auth="', '"'],
  ["auth=T=", "T="],
  ["auth=first; auth=second", "first"],
  ["auth = T ", "T"],
  ["auth", undefined],
  ["Auth=T", undefined],
  ["x=auth=T", undefined],
  ["", undefined],
  [";;=;", undefined],
])("cookie %j", (header, value) => {
  expect(cookieValue(header, "auth")).toBe(value);
});
