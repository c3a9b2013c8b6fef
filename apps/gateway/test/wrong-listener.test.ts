import { PassThrough } from "node:stream";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commands } from "../src/commands/commands.ts";
import { run } from "../src/cli/run.ts";
import { TestGateway } from "../../../test/support/test-gateway.ts";

const ADMIN =
  "give the address of the admin listener with --url (http://127.0.0.1:8081 unless it is configured otherwise)";
const PUBLIC =
  "give the address of the public listener with --url (http://127.0.0.1:8080 unless it is configured otherwise)";

describe("a command that has come to the other listener says so", () => {
  const app = createServer((_request, response) => void response.end("[1]"));
  let gateway: TestGateway;

  beforeAll(async () => {
    gateway = await TestGateway.start({ transports: { "rest-hooks": {} } });
    await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  });
  afterAll(async () => {
    await gateway.close();
    await new Promise((resolve) => app.close(resolve));
  });

  async function sluice(...argv: readonly string[]): Promise<readonly [code: number, err: string]> {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const code = await run(commands, argv, { stdin: new PassThrough(), stdout, stderr, env: {} });
    return [code, String(stderr.read() ?? "")];
  }

  test.each([
    { argv: ["hooks", "list"], says: "There is nothing at this address" },
    { argv: ["hooks", "add", "https://example.org/"], says: "There is nothing at this address" },
    { argv: ["hooks", "show", "hk_x"], says: "There is nothing at this address" },
    { argv: ["publish", "a", "1"], says: "There is nothing at this address" },
  ])("$argv, at the public one", async ({ argv, says }) => {
    const [code, err] = await sluice(...argv, "--url", gateway.url);
    expect(code).toBe(1);
    expect(err).toMatch(/^sluice: [^\n]+\n$/);
    expect(err).toContain(`${says}; ${ADMIN}`);
  });

  test.each([{ argv: ["hooks", "list"] }, { argv: ["publish", "a", "1"] }])(
    "$argv, at the public one's own paths",
    async ({ argv }) => {
      const [code, err] = await sluice(...argv, "--url", `${gateway.url}/realtime`);
      expect([code, err]).toEqual([1, expect.stringContaining(`--key or SLUICE_ADMIN_KEY; ${ADMIN}`)]);
    },
  );

  test("hooks list, at an app", async () => {
    const url = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
    expect(await sluice("hooks", "list", "--url", url)).toEqual([
      1,
      `sluice: what answered is not a gateway's admin listener; ${ADMIN}\n`,
    ]);
  });

  test("hooks show, of a hook that the admin listener does not know, is not told of addresses", async () => {
    const [code, err] = await sluice("hooks", "show", "hk_x", "--url", gateway.adminUrl);
    expect([code, err]).toEqual([1, "sluice: the gateway refused it: There is no such hook\n"]);
  });

  test.each(["auto", "sse", "websocket", "long-polling", "polling"])("watch by %s, at the admin one", async (name) => {
    const [code, err] = await sluice("watch", "a", "--transport", name, "--url", gateway.adminUrl);
    expect(code).toBe(1);
    expect(err).toMatch(/^sluice: [^\n]+\n$/);
    expect(err).toContain(`There is nothing at this address; ${PUBLIC}, with the prefix`);
  });
});

test("hooks list, where hooks are off, says that they may be", async () => {
  const gateway = await TestGateway.start({ transports: { "rest-hooks": false } });
  const stderr = new PassThrough();
  const io = { stdin: new PassThrough(), stdout: new PassThrough(), stderr, env: {} };
  expect(await run(commands, ["hooks", "list", "--url", gateway.adminUrl], io)).toBe(1);
  expect(String(stderr.read())).toContain("; or hooks are switched off there (transports.rest-hooks)\n");
  await gateway.close();
});

test("hooks list, where the public listener shows one's own hooks to anybody here, says that these are not all", async () => {
  const gateway = await TestGateway.start({ transports: { "rest-hooks": { anonymous: true } } });
  const stderr = new PassThrough();
  const io = { stdin: new PassThrough(), stdout: new PassThrough(), stderr, env: {} };
  expect(await run(commands, ["hooks", "list", "--url", `${gateway.url}/realtime`], io)).toBe(0);
  expect(String(stderr.read())).toBe(`sluice: a public listener shows none but your own hooks; ${ADMIN}\n`);
  await gateway.close();
});
