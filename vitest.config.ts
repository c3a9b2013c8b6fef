import { join } from "node:path";
import { defineConfig } from "vitest/config";

// Hundreds of gateways and threads are started, and all load the same modules: Node compiles them, and strips their
// types, only once. A gateway is up after two thirds of the work.
process.env["NODE_COMPILE_CACHE"] ??= join(import.meta.dirname, "node_modules/.cache/node");

/** A client of the tests, @xmpp/connection 0.14, hands data that comes when it has ended to a parser that is gone. */
function isOfXmppClient({ name, stack = "" }: { readonly name: string; readonly stack?: string }): boolean {
  return name === "TypeError" && /at \S*\._onData \(\S*\/@xmpp\/connection\//.test(stack);
}

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
    onUnhandledError: (error) => !isOfXmppClient(error),
    // Far more than any takes, on the slowest machine: what a test waits for ends sooner, and says what it was.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
