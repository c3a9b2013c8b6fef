import { describe, expect, test } from "vitest";
import { SECRET, signToken, tokenFor } from "../../support/tokens.ts";
import { freshTopic } from "../../support/topics.ts";
import type { ReaderDriver, ReaderOptions } from "../drivers/reader-driver.ts";
import { placeOf, testWith, useDriver, useGateway } from "../use.ts";

const inAnHour = Math.floor(Date.now() / 1000) + 3600;
const anHourAgo = inAnHour - 7200;
const everything = { sluice: { read: ["**"] }, exp: inAnHour };

/** Tokens that must not open anything, though what they claim would. */
const BAD_TOKENS: readonly (readonly [string, string])[] = [
  ["nonsense", "nonsense"],
  ["an empty signature", `${signToken(everything).split(".").slice(0, 2).join(".")}.`],
  ["another secret", signToken(everything, { secret: "another secret that is long enough, too" })],
  ["alg none", signToken(everything, { header: { alg: "none" } })],
  ["alg HS512, which is not listed", signToken(everything, { header: { alg: "HS512" } })],
  ["an unknown crit", signToken(everything, { header: { crit: ["x-odd"], "x-odd": 1 } })],
  ["expired", signToken({ ...everything, exp: anHourAgo })],
  ["not valid yet", signToken({ ...everything, nbf: inAnHour })],
  ["exp is a text", signToken({ ...everything, exp: String(inAnHour) })],
  ["claims are no object", `${btoa('{"alg":"HS256"}')}.${btoa("[]")}.x`],
];

/** Claims of another shape: they grant nothing. */
const ODD_CLAIMS: readonly (readonly [string, unknown])[] = [
  ["missing", undefined],
  ["null", null],
  ["a text", "**"],
  ["a list", ["**"]],
  ["read is a text", { read: "**" }],
  ["read is an object", { read: { 0: "**" } }],
  ["read holds numbers", { read: [1, null, {}] }],
  ["read holds no filters", { read: ["a//b", "", "a/**/b", "x".repeat(300)] }],
  ["only publish", { publish: ["**"] }],
];

/** Pairs of what is granted and what is asked. */
const COVERAGE: readonly (readonly [string, string, boolean])[] = [
  ["a/b", "a/b", true],
  ["a/b", "a/*", false],
  ["a/*", "a/b", true],
  ["a/*", "a/*", true],
  ["a/*", "a/**", false],
  ["a/*", "*/b", false],
  ["a/**", "a/*", true],
  ["a/**", "a/**", true],
  ["a/**", "a", false],
  ["a/**", "a/b/c/d", true],
  ["a/**", "**", false],
  ["*/b", "a/b", true],
  ["*", "**", false],
  ["**", "a/**", true],
  ["**", "**", true],
  ["**", "$sys/x", false],
  ["*/*", "$sys/x", false],
  ["$sys/**", "$sys/x", true],
];

/** Who may read what. */
export function accessCases(driver: ReaderDriver): void {
  describe("access", () => {
    const gateway = useGateway(
      {
        access: { public: ["open/**"], jwt: { secret: SECRET, cookie: "session", algorithms: ["HS256"] } },
      },
      driver,
    );
    const connect = useDriver(driver);
    const refusal = (options: Omit<ReaderOptions, "url">): ReturnType<ReaderDriver["refusal"]> =>
      driver.refusal({ ...placeOf(gateway.current), ...options });

    test("a public topic needs no credentials", async () => {
      const topic = `open/${freshTopic()}`;
      const reader = await connect(gateway.current, { topics: [topic] });
      await gateway.current.publisher.publish({ topic, data: 1 });
      await reader.inbox.take(1);
    });

    test("without credentials: 401", async () => {
      const answer = await refusal({ topics: ["closed/a"] });
      expect(answer.status).toBe(401);
      expect(answer.json()).toMatchObject({ code: "unauthorized", status: 401 });
    });

    testWith(driver, "http")("401 says by WWW-Authenticate what is wanted", async () => {
      const answer = await refusal({ topics: ["closed/a"] });
      expect(answer.headers["www-authenticate"]).toMatch(/^Bearer\b/);
    });

    test("with credentials that don't grant it: 403", async () => {
      const answer = await refusal({ topics: ["closed/a"], accessToken: tokenFor({ read: ["closed/b"] }) });
      expect(answer.status).toBe(403);
      expect(answer.json()).toMatchObject({ code: "forbidden", status: 403 });
    });

    test("one topic without a grant refuses the whole request", async () => {
      const accessToken = tokenFor({ read: ["closed/a"] });
      expect((await refusal({ topics: ["closed/a", "open/x", "closed/b"], accessToken })).status).toBe(403);
    });

    for (const way of ["Authorization", "access_token", "cookie"]) {
      const lacking = way === "cookie" ? (["cookies"] as const) : [];
      testWith(driver, ...lacking)(`a token by ${way} opens what it grants`, async () => {
        const topic = `closed/${freshTopic()}`;
        const token = tokenFor({ read: [topic] });
        const headers = {
          Authorization: { authorization: `Bearer ${token}` },
          access_token: {},
          cookie: { cookie: `other=1; session=${token}; more="2"`, origin: gateway.current.url },
        }[way] as Readonly<Record<string, string>>;
        const accessToken = way === "access_token" ? { accessToken: token } : {};
        const reader = await connect(gateway.current, { topics: [topic, "open/**"], headers, ...accessToken });
        await gateway.current.publisher.publish({ topic, data: 1 });
        await reader.inbox.take(1);
      });
    }

    test.each(BAD_TOKENS)("%s: 401, also on a public topic", async (_name, token) => {
      for (const topic of ["closed/a", "open/a"]) {
        const answer = await refusal({ topics: [topic], headers: { authorization: `Bearer ${token}` } });
        expect([topic, answer.status, answer.json()["code"]]).toEqual([topic, 401, "unauthorized"]);
      }
    });

    test.each(ODD_CLAIMS)("a claim that is %s grants nothing", async (_name, claim) => {
      const accessToken = signToken({ exp: inAnHour, sluice: claim });
      expect([401, 403]).toContain((await refusal({ topics: ["closed/a"], accessToken })).status);
    });

    test.each(COVERAGE)("a grant of %s, asked for %s: %s", async (grant, asked, isGranted) => {
      const accessToken = tokenFor({ read: [grant] });
      if (isGranted) await connect(gateway.current, { topics: [asked], accessToken });
      else expect((await refusal({ topics: [asked], accessToken })).status).toBe(403);
    });
  });
}
