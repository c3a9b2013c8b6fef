#!/usr/bin/env node
import { run } from "./cli/run.ts";
import { commands } from "./commands/commands.ts";

process.exitCode = await run(commands, process.argv.slice(2), process);
