import { execFile } from "node:child_process";
import { availableParallelism, cpus, release, totalmem, type } from "node:os";
import { promisify } from "node:util";
import type { Results } from "../results.ts";

const run = promisify(execFile);

/** What this machine is, as far as results need it. */
export function describeMachine(): Omit<Results["machine"], "otherCores"> {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
  };
}

/** Which revision of this checkout was measured; `null` where it is no checkout of git. */
export async function gitRevision(): Promise<Results["git"]> {
  const git = async (...options: readonly string[]): Promise<string> =>
    (await run("git", options, { cwd: import.meta.dirname })).stdout.trim();
  try {
    const [revision, changes] = await Promise.all([git("rev-parse", "HEAD"), git("status", "--porcelain")]);
    return { revision, isDirty: changes !== "" };
  } catch {
    return null;
  }
}
