import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";
import { defineConfig } from "tsdown";

/** Says how large a file is when it travels, and fails above the bound. */
function printSize(path: string, maxBytes: number): void {
  const bytes = gzipSync(readFileSync(path)).byteLength;
  process.stdout.write(`${path}: ${bytes} bytes minified and gzipped (at most ${maxBytes})\n`);
  if (bytes > maxBytes) throw new Error(`${path} is larger than ${maxBytes} bytes`);
}

const common = { format: "esm", target: "node24", fixedExtension: false } as const;

export default defineConfig([
  {
    ...common,
    name: "packages",
    workspace: { include: ["packages/*"], exclude: ["packages/client", "**/node_modules/**"] },
    // What a package's threads run is a file of its own, beside the module that starts them.
    entry: ["src/index.ts", "src/**/*-worker.ts"],
    outputOptions: { entryFileNames: ({ name }) => `${basename(name)}.js` },
    dts: true,
  },
  {
    // For browsers too: whoever bundles it takes what is needed. How much that is for a page, minified, is printed.
    ...common,
    name: "client",
    cwd: "packages/client",
    entry: { index: "src/index.ts", shared: "src/shared/index.ts" },
    platform: "neutral",
    target: "es2022",
    dts: true,
  },
  {
    ...common,
    name: "client-browser",
    cwd: "packages/client",
    entry: { client: "src/index.ts" },
    outDir: "../../.build",
    platform: "browser",
    target: "es2022",
    minify: true,
    dts: false,
    hooks: { "build:done": () => printSize(".build/client.js", 6 * 1024) },
  },
  {
    // The command with everything in it: it runs wherever Node does, with nothing installed beside it.
    ...common,
    name: "gateway",
    cwd: "apps/gateway",
    entry: {
      main: "src/main.ts",
      index: "src/index.ts",
      "log-sqlite-worker": "../../packages/log-sqlite/src/log-sqlite-worker.ts",
      "hook-store-worker": "../../packages/transport-rest-hooks/src/store/hook-store-worker.ts",
      "sender-worker": "../../packages/transport-rest-hooks/src/sending/sender-worker.ts",
    },
    platform: "node",
    deps: { alwaysBundle: [/./], onlyBundle: false },
    dts: false,
  },
]);
