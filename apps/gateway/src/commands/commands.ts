import type { Commands } from "../cli/run.ts";

/** The commands, in the order of the help. Each is loaded when it is called. */
export const commands: Commands = {
  serve: {
    summary: "Run the gateway.",
    load: async () => (await import("./serve.ts")).serve,
  },
  dev: {
    summary: "Run the gateway without any configuration: everything is public.",
    load: async () => (await import("./dev.ts")).dev,
  },
  publish: {
    summary: "Publish an event.",
    load: async () => (await import("./publish.ts")).publish,
  },
  watch: {
    summary: "Follow topics, over any transport.",
    load: async () => (await import("./watch.ts")).watch,
  },
  hooks: {
    summary: "Look after the hooks of a running gateway.",
    load: async () => (await import("./hooks.ts")).hooks,
  },
  token: {
    summary: "Mint a token from the configuration's secret.",
    load: async () => (await import("./token.ts")).token,
  },
  check: {
    summary: "Check the configuration.",
    load: async () => (await import("./check.ts")).check,
  },
  bench: {
    summary: "Measure what each transport costs on this machine.",
    load: async () => (await import("./bench.ts")).loadBench(),
  },
};
