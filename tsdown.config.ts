import { defineConfig } from "tsdown";

const common = { format: "esm", target: "node24", fixedExtension: false } as const;

export default defineConfig([
  {
    ...common,
    name: "packages",
    workspace: ["packages/*"],
    // What a package's threads run is a file of its own, beside the module that starts them.
    entry: ["src/index.ts", "src/*-worker.ts"],
    dts: true,
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
      "hook-store-worker": "../../packages/transport-rest-hooks/src/hook-store-worker.ts",
    },
    platform: "node",
    deps: { alwaysBundle: [/./], onlyBundle: false },
    dts: false,
  },
]);
