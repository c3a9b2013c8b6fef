import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const LOGGER = fileURLToPath(new URL("../src/logging/logger.ts", import.meta.url));

/** What a process logs that runs `script` with `logger`. */
function logged(script: string, level = "info", format = "json"): string {
  const code = `
    import { createLogger } from ${JSON.stringify(LOGGER)};
    const logger = await createLogger({ level: "${level}", format: "${format}" }, false);
    ${script}
    logger.flush();
  `;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", code], { encoding: "utf8" });
  expect(stderr).toBe("");
  return stdout;
}

test("neither tokens nor cookies nor data are written, wherever they stand", () => {
  const lines = logged(`
    logger.info({ authorization: "Bearer S3CRET", token: "S3CRET", data: { card: "S3CRET" }, kept: 1 }, "flat");
    logger.warn({ headers: { cookie: "sid=S3CRET", authorization: "S3CRET" } }, "headers");
    logger.error({ request: { headers: { cookie: "S3CRET" }, credentials: "S3CRET" } }, "deep");
    logger.info({ url: "/realtime/events?topic=a&access_token=S3CRET&last=1" }, "url");
  `);
  expect(lines).not.toContain("S3CRET");
  const told = lines
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly msg: string });
  // What is on its way when the rest is flushed may come behind it.
  expect(told.toSorted((one, other) => one.msg.localeCompare(other.msg))).toMatchObject([
    { level: "error", msg: "deep" },
    { level: "info", msg: "flat", kept: 1 },
    { level: "warn", msg: "headers" },
    { msg: "url", url: "/realtime/events?topic=a&access_token=[hidden]&last=1" },
  ]);
});

test("errors come with their causes, and the level can be changed", () => {
  const lines = logged(`
    logger.debug({}, "not this");
    logger.setLevel("debug");
    logger.debug({ err: new Error("outer", { cause: new Error("inner") }) }, "this");
  `);
  const [line, ...rest] = lines
    .trimEnd()
    .split("\n")
    .map((text) => JSON.parse(text) as { msg: string; err: { message: string } });
  expect(rest).toEqual([]);
  expect(line?.msg).toBe("this");
  expect(line?.err.message).toContain("inner");
});

test("lines for people are no JSON", () => {
  expect(logged('logger.info({ public: "http://127.0.0.1:1" }, "ready");', "info", "pretty")).toMatch(
    /INFO.*: ready\n/,
  );
});
