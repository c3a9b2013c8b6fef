import { describe, expect, test } from "vitest";
import { contentPolicy } from "../../src/stage/server/content-policy.ts";
import { readPageFile } from "../../src/stage/server/page-files.ts";

describe("files of the page", () => {
  test("are served with their types, TypeScript as JavaScript that keeps its lines", async () => {
    const page = await readPageFile("/");
    expect(page?.contentType).toBe("text/html; charset=utf-8");
    expect(String(page?.body)).toContain("<!doctype html>");
    const client = await readPageFile("/modules/@sluice/client/client.ts");
    expect(client?.contentType).toBe("text/javascript; charset=utf-8");
    expect(String(client?.body)).toContain("export function connect");
    expect(String(client?.body)).not.toMatch(/import type|: ConnectOptions/);
  });

  test("have all modules that they import", async () => {
    const wanted = ["/modules/@sluice/client/index.ts", "/modules/strophe.js/strophe.esm.js"];
    const [{ body } = { body: "" }] = [(await readPageFile("/")) ?? undefined];
    for (const [, path] of String(body).matchAll(/(?:src|href)="(\/[^"]+)"/g)) wanted.push(path as string);
    const read = new Set<string>();
    for (let path = wanted.pop(); path !== undefined; path = wanted.pop()) {
      if (read.has(path)) continue;
      read.add(path);
      const file = await readPageFile(path);
      expect(file, path).not.toBeNull();
      if (file?.contentType.startsWith("text/javascript") !== true) continue;
      for (const [, name] of String(file.body).matchAll(/^(?:import|export)\b[^;]*?from "(\.[^"]+)"/gm)) {
        wanted.push(new URL(name as string, new URL(path, "http://x")).pathname);
      }
    }
    expect(read.size).toBeGreaterThan(10);
  });

  test.each([
    "/../package.json",
    "/..%2fpackage.json",
    "/%2e%2e/package.json",
    "/modules/@sluice/client/../package.json",
    "/modules/@sluice/client/..\\package.json",
    "/modules/strophe.js/../package.json",
    "/modules/elsewhere/index.ts",
    "/tsconfig.json",
    "/.hidden.ts",
    "/index.html/",
    "//index.html",
    "/index.html\0.ts",
    "/styles",
    "/nothing.ts",
  ])("do not include %s", async (path) => {
    expect(await readPageFile(path)).toBeNull();
  });
});

describe("the content policy", () => {
  test("allows the page itself, its import map, and the addresses that it connects to", () => {
    const policy = contentPolicy('<script type="importmap">{}</script><script src="/x.ts"></script>', [
      "http://localhost:1",
      "http://127.0.0.1:2/realtime/hooks",
      "http://127.0.0.1:2",
    ]);
    expect(policy).toContain("default-src 'none'; ");
    // echo -n '{}' | openssl dgst -sha256 -binary | base64
    expect(policy).toContain("script-src 'self' 'sha256-RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o='; ");
    expect(policy).toContain(
      "connect-src 'self' http://localhost:1 http://127.0.0.1:2 ws://localhost:1 ws://127.0.0.1:2; ",
    );
    expect(policy).not.toMatch(/unsafe|\*/);
  });

  test("is strict too without an import map", () => {
    expect(contentPolicy("", ["http://localhost:1"])).toContain("script-src 'self'; ");
  });
});
