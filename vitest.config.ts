import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts", "apps/*/test/**/*.test.ts", "test/**/*.test.ts"],
    // Says at the end what was skipped for want of a program.
    globalSetup: ["test/support/report-needs.ts"],
    // Tests open sockets, start processes and kill them: each file gets a process of its own.
    pool: "forks",
    maxWorkers: 2,
    // V8 can end a process whose threads use WebAssembly (apps/gateway/src/v8-flags.ts): Node's stripping of types does.
    execArgv: ["--wasm-wrapper-tiering-budget=1000000000", "--no-memory-protection-keys"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
