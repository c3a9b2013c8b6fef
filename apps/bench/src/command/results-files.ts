import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { ScenarioError } from "../plan/read-scenario.ts";
import type { Results } from "../results.ts";

/**
 * Makes the folder of the results and tries to write there, before minutes are spent on them.
 * @throws {ScenarioError} if that can't be
 */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await makePath(resolve(folder));
    await rm(await mkdtemp(join(folder, ".bench-")), { recursive: true });
  } catch (error) {
    // `EACCES: permission denied`, without the call that met it.
    const [why] = (error as Error).message.split(",", 1);
    throw new ScenarioError(`--out: nothing can be written to ${folder}: ${why}`, { cause: error });
  }
}

/** Node's own way to make a path never comes back where nothing can be made at all, as below `/proc`. */
async function makePath(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || dirname(folder) === folder) throw error;
    await makePath(dirname(folder));
    await mkdir(folder);
  }
}

/**
 * Writes results.json, report.html, and its plots as SVG files in `plots`, into a folder that is there; answers where
 * the first two are.
 */
export async function writeResults(
  results: Results,
  folder: string,
): Promise<{ readonly results: string; readonly report: string }> {
  const [file, report] = [join(folder, "results.json"), join(folder, "report.html")];
  await writeFile(file, `${JSON.stringify(results, null, 2)}\n`);
  // What draws the plots takes its time to load, and most calls don't come that far.
  const { renderHtml } = await import("../report/html-report.ts");
  await writeFile(report, renderHtml(results));
  const plots = join(folder, "plots");
  await mkdir(plots, { recursive: true });
  const { plotFiles } = await import("../report/plot-files.ts");
  await Promise.all([...plotFiles(results)].map(([name, svg]) => writeFile(join(plots, name), svg)));
  return { results: file, report };
}

/** Reads results that were written before. @throws {ScenarioError} if they are none of this format */
export async function readResults(path: string): Promise<Results> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new ScenarioError(`${path} can't be read as results`, { cause: error });
  }
  const isResults = typeof content === "object" && content !== null && "format" in content && content.format === 1;
  if (!isResults) throw new ScenarioError(`${path} holds no results that this version knows`);
  return content as Results;
}
