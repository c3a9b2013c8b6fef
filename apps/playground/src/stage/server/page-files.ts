import { realpath, readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, extname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { stripTypes } from "./strip-types.ts";

/** A file as it is served. */
export interface PageFile {
  readonly contentType: string;
  readonly body: Buffer | string;
}

/** A folder, and under which path its files are served. */
interface Root {
  readonly prefix: string;
  readonly folder: string;
}

const { resolve } = createRequire(import.meta.url);

/** The page itself, and the libraries that it imports. */
const ROOTS: readonly Root[] = [
  { prefix: "/modules/@sluice/client/", folder: dirname(resolve("@sluice/client")) },
  { prefix: "/modules/strophe.js/", folder: dirname(resolve("strophe.js")) },
  { prefix: "/", folder: fileURLToPath(new URL("../../../page", import.meta.url)) },
];

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".ts": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
};

/** A path that names a file plainly: no `..`, nothing hidden, nothing encoded. */
const PLAIN = /^(?:\/@?[\w-][\w.-]*)+$/;

/**
 * The file at a path; `null` if there is none that may be served. TypeScript is served as JavaScript, its types blanked
 * out.
 */
export async function readPageFile(path: string): Promise<PageFile | null> {
  const wanted = path === "/" ? "/index.html" : path;
  const contentType = CONTENT_TYPES[extname(wanted)];
  const root = ROOTS.find(({ prefix }) => wanted.startsWith(prefix));
  if (!PLAIN.test(wanted) || contentType === undefined || root === undefined) return null;
  const file = await existing(root.folder, wanted.slice(root.prefix.length));
  if (file === null) return null;
  const body = await readFile(file);
  return { contentType, body: file.endsWith(".ts") ? stripTypes(body.toString()) : body };
}

/** The path of a file within a folder, links followed; `null` if it is elsewhere or is no file. */
async function existing(folder: string, path: string): Promise<string | null> {
  try {
    const [root, file] = await Promise.all([realpath(folder), realpath(join(folder, path))]);
    return file.startsWith(root + sep) && (await stat(file)).isFile() ? file : null;
  } catch {
    return null;
  }
}
