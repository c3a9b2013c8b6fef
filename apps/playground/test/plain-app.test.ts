import { readdir, readFile } from "node:fs/promises";
import { builtinModules } from "node:module";
import { expect, test } from "vitest";

const FOLDER = new URL("../src/shop/", import.meta.url);

test("the app imports nothing but itself, Node and its web framework, and names no gateway", async () => {
  const files = await readdir(FOLDER);
  expect(files).toContain("shop-server.ts");
  const imported = new Set<string>();
  for (const file of files) {
    const text = await readFile(new URL(file, FOLDER), "utf8");
    for (const [, name] of text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)) imported.add(name as string);
    expect(text, file).not.toMatch(/sluice|gateway|realtime|event/i);
  }
  const foreign = [...imported].filter((name) => !/^\.\/[\w-]+\.ts$/.test(name) && !isNodes(name));
  expect(foreign).toEqual(["fastify"]);
});

function isNodes(name: string): boolean {
  return name.startsWith("node:") && builtinModules.includes(name.slice("node:".length));
}
