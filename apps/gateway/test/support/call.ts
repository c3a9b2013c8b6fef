import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { run } from "../../src/cli/run.ts";
import { commands } from "../../src/commands/commands.ts";
import type { Ended } from "./sluice-process.ts";

/** Calls the command in this process: for what ends before anything is started. */
export async function call(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const said = Promise.all([text(stdout), text(stderr)]);
  const code = await run(commands, args, { stdin: stdin.end(), stdout, stderr, env });
  stdout.end();
  stderr.end();
  const [out, err] = await said;
  return { code, stdout: out, stderr: err };
}
