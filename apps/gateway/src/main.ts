#!/usr/bin/env node
import { run } from "./cli/run.ts";
import { commands } from "./commands/commands.ts";

/** What a command leaves behind by mistake may not keep the process: all that counts has been closed by then. */
const LEFT_BEHIND_MS = 1000;

process.exitCode = await run(commands, process.argv.slice(2), process);
setTimeout(() => process.exit(), LEFT_BEHIND_MS).unref();
