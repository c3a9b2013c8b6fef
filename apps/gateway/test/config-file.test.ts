import { execFileSync } from "node:child_process";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FILE_MAX_BYTES } from "../src/config/config-file.ts";
import type { Origin } from "../src/config/fault.ts";
import { parseJson } from "../src/config/json-text.ts";
import { loadConfig } from "../src/config/load-config.ts";
import type { Tree } from "../src/config/tree.ts";
import { parseYaml } from "../src/config/yaml-text.ts";
import { configOf, linesOf, withFiles } from "./config-sandbox.ts";

const open = 'access: { public: ["**"] }\n';
const atLine = (line: number): Origin => ({ kind: "file", file: "f", line });

async function linesOfFile(name: string, content: string | Uint8Array): Promise<readonly string[]> {
  return withFiles({ [name]: content }, async (directory) => {
    const lines = linesOf(await loadConfig({ env: {}, mode: "serve", path: join(directory, name) }));
    return lines.map((line) => line.replace(`${directory}/`, ""));
  });
}

describe("which file is read", () => {
  const load = async (files: Readonly<Record<string, string>>, path?: string, env = {}): Promise<unknown> =>
    withFiles(files, async (directory) => {
      const named = path === undefined ? undefined : join(directory, path);
      const result = await loadConfig({ env, mode: "dev", directory, path: named });
      return "config" in result
        ? [result.file?.replace(`${directory}/`, ""), result.config.limits.subscriptions]
        : linesOf(result);
    });
  const saying = (subscriptions: number): string => `limits: { subscriptions: ${subscriptions} }`;

  test("sluice.yaml, then sluice.yml, then sluice.json", async () => {
    const json = '{"limits":{"subscriptions":3}}';
    expect(await load({ "sluice.yaml": saying(1), "sluice.yml": saying(2), "sluice.json": json })).toEqual([
      "sluice.yaml",
      1,
    ]);
    expect(await load({ "sluice.yml": saying(2), "sluice.json": json })).toEqual(["sluice.yml", 2]);
    expect(await load({ "sluice.json": json })).toEqual(["sluice.json", 3]);
  });

  test("without any, the defaults", async () => expect(await load({})).toEqual([undefined, 100]));

  test("the named one, and it must be there", async () => {
    expect(await load({ "sluice.yaml": saying(1), "other.yml": saying(4) }, "other.yml")).toEqual(["other.yml", 4]);
    expect(await load({ "mounted-secret": saying(5) }, "mounted-secret")).toEqual(["mounted-secret", 5]);
    const faults = await load({ "sluice.yaml": saying(1) }, "absent.yaml");
    expect(faults).toEqual([expect.stringMatching(/absent\.yaml: the configuration file is not there$/)]);
  });

  test("SLUICE_CONFIG names one where the command line doesn't", async () => {
    await withFiles({ "a.yaml": saying(6), "b.yaml": saying(7) }, async (directory) => {
      const env = { SLUICE_CONFIG: join(directory, "a.yaml") };
      const of = async (path?: string): Promise<number> =>
        configOf(await loadConfig({ env, mode: "dev", directory, path })).limits.subscriptions;
      expect(await of()).toBe(6);
      expect(await of(join(directory, "b.yaml"))).toBe(7);
    });
  });
});

describe("a file that can't be read", () => {
  test("a folder", async () => {
    await withFiles({}, async (directory) => {
      const result = await loadConfig({ env: {}, mode: "serve", path: directory });
      expect(linesOf(result)).toEqual([`${directory}: the configuration file is a folder; expected a file`]);
    });
  });

  test("one that this user may not read", async (context) => {
    await withFiles({ "sluice.yaml": open }, async (directory) => {
      const path = join(directory, "sluice.yaml");
      execFileSync("chmod", ["000", path]);
      const result = await loadConfig({ env: {}, mode: "serve", path });
      context.skip("config" in result, "root reads everything");
      expect(linesOf(result)).toEqual([`${path}: the configuration file may not be read by this user`]);
    });
  });

  test("one that is not UTF-8", async () =>
    expect(await linesOfFile("sluice.yaml", Uint8Array.of(0x61, 0x3a, 0x20, 0xff))).toEqual([
      "sluice.yaml: the configuration file is not UTF-8",
    ]));

  test("one without end", async () =>
    expect(await linesOfFile("sluice.yaml", " ".repeat(FILE_MAX_BYTES + 1))).toEqual([
      `sluice.yaml: the configuration file is larger than ${FILE_MAX_BYTES} bytes`,
    ]));

  test("one of another kind", async () =>
    expect(await linesOfFile("sluice.toml", "a = 1")).toEqual([
      "sluice.toml: expected a name that ends in .yaml, .yml or .json",
    ]));
});

describe("broken YAML names its line and shows no value", () => {
  test.each([
    ["access:\n\tpublic: []\n", 2],
    ["admin: { key: hunter2\nlog: {}\n", 2],
    ["admin:\n  key: 'hunter2\n", 3],
    ["admin:\n  key: }hunter2\n", 2],
    ["admin:\n  key: @hunter2\n", 2],
    ["admin:\n  key: !hunter2\n", 2],
    ['admin:\n  key: "hunter2\\q"\n', 2],
    ['admin:\n  key: "a" hunter2\n', 2],
    ["admin:\n  key: *hunter2\n", 2],
    ["a: &hunter2 [*hunter2]\n", 1],
    ["- hunter2\n", 1],
    ["hunter2\n", 1],
    ["a: 1\n---\nkey: hunter2\n", 2],
    ["? [hunter2]\n: 1\n", 1],
    ["admin: key: hunter2\n", 1],
    ["%hunter2\n---\n", 1],
  ])("%j", async (text, line) => {
    const lines = await linesOfFile("sluice.yaml", text);
    expect(lines).toContainEqual(expect.stringMatching(new RegExp(`^sluice\\.yaml:${line}: `)));
    expect(lines.join("\n")).not.toContain("hunter2");
  });

  test("aliases work, but don't multiply without end", async () => {
    const shared = 'access: { public: &all ["a/*"] }\npublic: { cors: { origins: [] }, trust_proxy: &p [10.0.0.1] }\n';
    expect(await linesOfFile("sluice.yaml", shared)).toEqual([]);
    const bomb = ["a: &a [1,1,1,1,1,1,1,1,1,1]"];
    for (const [from, to] of ["ab", "bc", "cd", "de", "ef", "fg"]) {
      bomb.push(`${to}: &${to} [${Array(10).fill(`*${from}`).join(",")}]`);
    }
    expect(await linesOfFile("sluice.yaml", bomb.join("\n"))).toContainEqual(
      expect.stringContaining("aliases make the file too large"),
    );
  });

  test("comments alone are an empty configuration", async () =>
    expect(await linesOfFile("sluice.yaml", "# nothing yet\n")).toEqual([
      "sluice.yaml:1: access: nobody may read anything; expected access.public, access.jwt or access.app",
    ]));
});

describe("broken JSON names its line and shows no value", () => {
  test.each([
    ["", 1],
    ["{\n", 2],
    ['{"admin":\n{"key": hunter2}}', 2],
    ['{"admin":\n{"key": "hunter2}}', 2],
    ['{"admin":\n{"key": "hunter2\\x"}}', 2],
    ['{"admin":\n{"key": "hunter2\tx"}}', 2],
    ['{"admin": {"key": "hunter2",\n}}', 2],
    ['{"admin": {"key": "hunter2"}\n"log": 1}', 2],
    ['{"admin":\n["hunter2"\n{}]}', 3],
    ["{admin: 1}", 1],
    ["{'admin': 1}", 1],
    ['{"admin" 1}', 1],
    ['{"a": 1}\nhunter2', 2],
    ['{"a": 01}', 1],
    ['{"a": +1}', 1],
    ['{"a": NaN}', 1],
    ['{"a": // hunter2\n 1}', 1],
    ["[".repeat(200), 1],
    ['"hunter2"', 1],
  ])("%j", async (text, line) => {
    const lines = await linesOfFile("sluice.json", text);
    expect(lines[0]).toMatch(new RegExp(`^sluice\\.json:${line}: `));
    expect(lines.join("\n")).not.toContain("hunter2");
  });

  test("a byte order mark and tabs are no fault", async () =>
    expect(
      await linesOfFile("sluice.json", '\ufeff{\r\n\t"access": {\r\n\t\t"public": ["**"]\r\n\t}\r\n}\r\n'),
    ).toEqual([]));
});

test.each([
  ["sluice.yaml", "limits:\n  event: 1KiB\n  batch: 1KiB\n  event: 2KiB\naccess: { public: ['**'] }\n"],
  ["sluice.json", '{"limits":\n{"event": "1KiB",\n"batch": "1KiB",\n"event": "2KiB"}, "access": {"public": ["**"]}}'],
])("a key that stands twice is a fault (%s)", async (name, text) => {
  expect(await linesOfFile(name, text)).toEqual([`${name}:4: limits.event: duplicate key, first in line 2`]);
});

describe("properties", () => {
  const plain = (tree: Tree | undefined): unknown => {
    if (tree?.kind === "branch")
      return Object.fromEntries([...tree.entries].map(([key, value]) => [key, plain(value)]));
    return tree?.kind === "list" ? tree.items.map(plain) : tree?.value;
  };
  const value = fc.jsonValue({ maxDepth: 4 });

  test("JSON is read as JSON.parse reads it, with any white space", () => {
    fc.assert(
      fc.property(value, fc.constantFrom("", " ", "\t", "  \n"), (expected, indent) => {
        const parsed = parseJson(JSON.stringify(expected, null, indent), atLine);
        expect(parsed.faults).toEqual([]);
        expect(plain(parsed.tree)).toEqual(JSON.parse(JSON.stringify(expected)));
      }),
    );
  });

  test("JSON.parse and this reader refuse the same texts", () => {
    const mangled = fc
      .tuple(value, fc.nat(), fc.constantFrom("", ",", '"', "}", "]", "1", "\\", "e", "-", ".", "\n", "{"))
      .map(([json, at, piece]) => {
        const text = JSON.stringify(json);
        const place = at % (text.length + 1);
        return text.slice(0, place) + piece + text.slice(place + 1);
      });
    fc.assert(
      fc.property(mangled, (text) => {
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        const { tree, faults } = parseJson(text, atLine);
        const hasDuplicates = faults.some((fault) => fault.message.startsWith("duplicate"));
        if (!hasDuplicates) expect(tree !== undefined).toBe(isJson);
      }),
      { numRuns: 1_000 },
    );
  });

  test("no text makes the YAML reader throw", () => {
    const piece = fc.constantFrom(
      "a",
      ": ",
      "\n",
      "  ",
      "- ",
      "{",
      "}",
      "[",
      "]",
      "&x ",
      "*x",
      "!t ",
      "'",
      '"',
      "|",
      ">",
      "#",
      "?",
      "%",
      "---\n",
      "\t",
      "\0",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const { tree, faults } = parseYaml(pieces.join(""), atLine);
        expect(tree !== undefined || faults.length > 0).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
