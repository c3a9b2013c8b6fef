import { readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { parse } from "yaml";
import { readScenario, ScenarioError } from "./read-scenario.ts";
import { FULL, type Scenario } from "./scenario.ts";

/** Reads a scenario, YAML or JSON. What it does not say is as in the full one. @throws {ScenarioError} */
export async function scenarioFile(path: string): Promise<Scenario> {
  let content: unknown;
  try {
    content = parse(await readFile(path, "utf8"));
  } catch (error) {
    const why = error instanceof Error ? (error.message.split("\n", 1)[0] ?? "") : String(error);
    throw new ScenarioError(`${path} can't be read: ${why}`, { cause: error });
  }
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    throw new ScenarioError(`${path}: expected keys and values`);
  }
  const base = { ...FULL, name: basename(path, extname(path)) };
  return readScenario(base, content as Readonly<Record<string, unknown>>, (key) => `${path}: ${key}`);
}
