import { open } from "node:fs/promises";
import { extname, join } from "node:path";
import type { Fault, Origin } from "./fault.ts";
import { parseJson } from "./json-text.ts";
import type { Layer } from "./tree.ts";
import { parseYaml } from "./yaml-text.ts";

/** The file that is read where none is named, if it is there: the first of these. */
const DEFAULT_FILES: readonly string[] = ["sluice.yaml", "sluice.yml", "sluice.json"];

/** The most bytes that a file of the configuration may have. */
export const FILE_MAX_BYTES: number = 1024 * 1024;

/** What was read from a file, and which one that was (null: none is there). */
export interface FileLayer extends Layer {
  readonly file: string | null;
  /** Whether the file could not be read as a tree: then nothing can be said about what is missing. */
  readonly isUnreadable: boolean;
}

/** Reads the named file, or the first default one in `directory`. Every fault is a value; nothing is thrown. */
export async function readConfigFile(path: string | undefined, directory: string): Promise<FileLayer> {
  if (path !== undefined) return parseFile(path, await readText(path));
  for (const name of DEFAULT_FILES) {
    // One after the other: the first that is there is the one.
    const text = await readText(join(directory, name));
    if (!("problem" in text) || !text.isMissing) return parseFile(name, text);
  }
  return { file: null, tree: undefined, faults: [], isUnreadable: false };
}

type FileText = { readonly text: string } | { readonly problem: string; readonly isMissing: boolean };

/** Reads a UTF-8 file of at most {@link FILE_MAX_BYTES}; what is wrong is said in words, without the path. */
export async function readText(path: string): Promise<FileText> {
  let bytes: Buffer;
  try {
    bytes = await readBounded(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    return { problem: PROBLEMS[code] ?? `cannot be read (${code})`, isMissing: code === "ENOENT" };
  }
  if (bytes.length > FILE_MAX_BYTES) return { problem: `is larger than ${FILE_MAX_BYTES} bytes`, isMissing: false };
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return { problem: "is not UTF-8", isMissing: false };
  }
}

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: "is not there",
  ENOTDIR: "is not there",
  EISDIR: "is a folder; expected a file",
  EACCES: "may not be read by this user",
  EPERM: "may not be read by this user",
};

async function readBounded(path: string): Promise<Buffer> {
  const handle = await open(path, "r");
  try {
    const chunks: Buffer[] = [];
    for (let size = 0; size <= FILE_MAX_BYTES;) {
      const chunk = Buffer.alloc(64 * 1024);
      const { bytesRead } = await handle.read(chunk, 0, chunk.length);
      if (bytesRead === 0) break;
      chunks.push(chunk.subarray(0, bytesRead));
      size += bytesRead;
    }
    return Buffer.concat(chunks);
  } finally {
    await handle.close();
  }
}

function parseFile(file: string, text: FileText): FileLayer {
  const failed = (faults: readonly Fault[]): FileLayer => ({ file, tree: undefined, faults, isUnreadable: true });
  const whole: Origin = { kind: "file", file };
  if ("problem" in text) return failed([{ origin: whole, key: "", message: `the configuration file ${text.problem}` }]);
  const parse = PARSERS[extname(file).toLowerCase()];
  if (parse === undefined) {
    return failed([{ origin: whole, key: "", message: "expected a name that ends in .yaml, .yml or .json" }]);
  }
  const { tree, faults } = parse(text.text, (line) => ({ kind: "file", file, line }));
  if (tree === undefined) return failed(faults);
  // A file of nothing but comments.
  if (tree.kind === "scalar" && tree.value === null) return { file, tree: undefined, faults, isUnreadable: false };
  if (tree.kind === "branch") return { file, tree, faults, isUnreadable: false };
  return failed([
    { origin: tree.origin, key: "", message: 'expected keys and values, e.g. "app: http://127.0.0.1:3000"' },
  ]);
}

// Without an ending (a mounted secret, a pipe) it is YAML, of which JSON is nearly a part.
const PARSERS: Readonly<Record<string, typeof parseYaml>> = {
  "": parseYaml,
  ".yaml": parseYaml,
  ".yml": parseYaml,
  ".json": parseJson,
};
