import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Config } from "../src/config/config.ts";
import { formatFault } from "../src/config/fault.ts";
import { loadConfig } from "../src/config/load-config.ts";
import type { LoadOptions, LoadResult } from "../src/config/load-config.ts";

/** A folder of its own with a configuration in it, gone after `use`. */
export async function withFiles<T>(
  files: Readonly<Record<string, string | Uint8Array>>,
  use: (directory: string) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-config-"));
  try {
    for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), content);
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Loads a configuration from the text of a `sluice.yaml`. */
export async function load(yaml: string, options: Partial<LoadOptions> = {}): Promise<LoadResult> {
  return withFiles({ "sluice.yaml": yaml }, (directory) =>
    loadConfig({ env: {}, mode: "serve", directory, ...options }),
  );
}

/** The configuration, where it must be good. */
export function configOf(result: LoadResult): Config {
  if ("config" in result) return result.config;
  throw new Error(`A good configuration was refused:\n${linesOf(result).join("\n")}`);
}

/** The faults as lines; none for a good configuration. */
export function linesOf(result: LoadResult): readonly string[] {
  return "faults" in result ? result.faults.map(formatFault) : [];
}
