import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { elementTexts, memberTexts } from "@sluice/core";
import { describe, expect, test } from "vitest";
import { commands } from "../src/commands/commands.ts";
import { version } from "../src/version.ts";
import { useBench } from "./support/bench.ts";
import { call } from "./support/call.ts";

const bench = useBench();

describe("help and version", () => {
  test("the overall help names every command", async () => {
    const { code, stdout, stderr } = await bench.run(["--help"]);
    expect([code, stderr]).toEqual([0, ""]);
    for (const name of Object.keys(commands)) expect(stdout).toMatch(new RegExp(`^  ${name} `, "m"));
  });

  test.each(Object.keys(commands))("%s --help shows its usage and options", async (name) => {
    const { code, stdout, stderr } = await call([name, "--help"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(`Usage: sluice ${name}`);
    const command = await (commands[name] as (typeof commands)[string]).load();
    for (const option of Object.keys(command.options)) expect(stdout).toContain(`--${option}`);
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(130);
  });

  test("--version", async () => {
    expect(await bench.run(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  });
});

describe("calls that are wrong", () => {
  test.each([
    { args: [], says: "no command given" },
    { args: ["wacth"], says: "did you mean watch?" },
    { args: ["watch"], says: "too few arguments" },
    { args: ["watch", "a", "--tranport", "sse"], says: "did you mean --transport?" },
    { args: ["watch", "a", "--transport", "carrier-pigeon"], says: 'no transport "carrier-pigeon"' },
    { args: ["watch", "a", "--last", "101"], says: "from 0 to 100" },
    { args: ["watch", "a", "--last", "1", "--after", "earliest"], says: "don't go together" },
    { args: ["watch", "a", "--after", "yesterday!"], says: "no cursor" },
    { args: ["watch", "a/**/b"], says: "** may only be its last segment" },
    { args: ["watch", "a", "--url", "example"], says: "is no address" },
    { args: ["publish", "a", "1", "2"], says: "one argument too many" },
    { args: ["publish", "a", "--type"], says: "--type needs a value" },
    { args: ["publish", "a", "--type", "--text"], says: "--type needs a value" },
    { args: ["token", "--expires", "soon"], says: "is no duration" },
    { args: ["token", "--read", "a//b"], says: "is no filter" },
    { args: ["check", "--set", "limits"], says: "expected KEY=VALUE" },
  ])("sluice $args", async ({ args, says }) => {
    const { code, stdout, stderr } = await call(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(says);
    expect(stderr.split("\n")).toHaveLength(2);
    expect(stderr).toMatch(/--help\)\n$/);
  });
});

test("a call that is wrong ends the process with 2", async () => {
  const { code, stdout, stderr } = await bench.run(["wacth"]);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toBe('sluice: there is no command "wacth"; did you mean watch? (see sluice --help)\n');
});

describe("configurations that can't be served", () => {
  test("serve says all of it in one line and ends with 1", async () => {
    await writeFile(join(bench.folder, "sluice.yaml"), 'limits:\n  event: 12 parsecs\nacces:\n  public: ["**"]\n');
    const { code, stdout, stderr } = await bench.run(["serve"]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(stderr).toContain("sluice.yaml:2: limits.event");
    expect(stderr).toContain("sluice.yaml:3: acces");
  });

  test("check says each in a line of its own and ends with 1", async () => {
    await writeFile(join(bench.folder, "sluice.yaml"), 'limits:\n  event: 12 parsecs\naccess:\n  public: ["a//b"]\n');
    const { code, stdout, stderr } = await bench.run(["check"]);
    expect([code, stdout]).toEqual([1, ""]);
    const lines = stderr.trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^sluice\.yaml:2: limits\.event: /);
    expect(lines[1]).toMatch(/^sluice\.yaml:4: access\.public/);
  });

  test("check says ok where there is nothing to say", async () => {
    await bench.configure({});
    const { code, stdout, stderr } = await bench.run(["check"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toEqual({ ok: true, file: "sluice.json" });
  });
});

describe("publish", () => {
  test("says that nothing listens there, in one line", async () => {
    const { code, stdout, stderr } = await bench.run(["publish", "a", "--url", "http://127.0.0.1:9"]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^sluice: http:\/\/127\.0\.0\.1:9 can't be reached: nothing listens there; .*\n$/);
  });

  test("takes JSON as it is written, text as text, and stdin", async () => {
    await bench.configure({ log: { kind: "memory" } });
    const gateway = await bench.serve();
    const publish = async (args: readonly string[], input?: string): Promise<unknown> => {
      const words = ["publish", ...args, "--url", gateway.adminUrl];
      const ended = await bench.run(words, input === undefined ? {} : { input });
      expect([ended.code, ended.stderr]).toEqual([0, ""]);
      return JSON.parse(ended.stdout);
    };
    expect(await publish(["t", "12345678901234567890.10", "--type", "x.y", "--id", "one"])).toEqual({
      id: "one",
      cursor: expect.any(String),
    });
    await publish(["t", "not json"]);
    await publish(["t", "42", "--text"]);
    await publish(["t", "-"], "from a pipe\n");
    await publish(["t", "-"], '{"from": "a pipe"}\n');
    await publish(["t"]);
    expect(await publish(["t", "1", "--id", "one"])).toMatchObject({ id: "one", duplicate: true });
    const page = await (await fetch(`${gateway.url}/realtime/events?topic=t&after=earliest`)).text();
    const events = elementTexts(memberTexts(page).get("events") ?? "[]");
    expect(events.map((event) => memberTexts(event).get("data"))).toEqual([
      "12345678901234567890.10",
      '"not json"',
      '"42"',
      '"from a pipe"',
      '{"from":"a pipe"}',
      "null",
    ]);
    const refused = await bench.run(["publish", "a b", "1", "--url", gateway.adminUrl]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^sluice: the gateway refused the event: .*topic.*\n$/i);
  });

  test("shows the admin key where there is one", async () => {
    await bench.configure({ log: { kind: "memory" }, admin: { listen: "127.0.0.1:0", key: "k-1234567890" } });
    const { adminUrl } = await bench.serve();
    const without = await bench.run(["publish", "a", "--url", adminUrl]);
    expect([without.code, without.stderr]).toEqual([1, expect.stringContaining("SLUICE_ADMIN_KEY")]);
    const byFlag = await bench.run(["publish", "a", "--url", adminUrl, "--key", "k-1234567890"]);
    const byVariable = await bench.run(["publish", "a", "--url", adminUrl], {
      env: { SLUICE_ADMIN_KEY: "k-1234567890" },
    });
    expect([byFlag.code, byVariable.code]).toEqual([0, 0]);
  });
});

describe("token", () => {
  const jwt = { secret: "0123456789abcdef0123456789abcdef", audience: "shop", issuer: "us" };

  test("mints what the gateway takes", async () => {
    await bench.configure({ log: { kind: "memory" }, access: { jwt } });
    const { url } = await bench.serve();
    const minted = await bench.run(["token", "--sub", "ann", "--read", "orders/**", "--expires", "10m"]);
    expect([minted.code, minted.stderr]).toEqual([0, ""]);
    const read = async (topic: string): Promise<number> => {
      const headers = { authorization: `Bearer ${minted.stdout.trim()}` };
      return (await fetch(`${url}/realtime/events?topic=${topic}`, { headers })).status;
    };
    expect([await read("orders/1"), await read("others/1")]).toEqual([200, 403]);
    const claims = JSON.parse(Buffer.from(minted.stdout.split(".")[1] ?? "", "base64url").toString()) as {
      iat: number;
      exp: number;
    };
    expect(claims).toMatchObject({ sub: "ann", aud: "shop", iss: "us", sluice: { read: ["orders/**"] } });
    expect(claims.exp - claims.iat).toBeGreaterThanOrEqual(600);
    expect(claims.exp - claims.iat).toBeLessThanOrEqual(601);
  });

  test("says what is missing where there is no secret", async () => {
    await bench.configure({});
    const { code, stdout, stderr } = await bench.run(["token", "--read", "**"]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^sluice: .*access\.jwt\.secret.*\n$/);
  });
});
