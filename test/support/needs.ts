import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** A program that some tests need and npm doesn't bring. */
export interface Need {
  readonly name: string;
  /** Debian's package. */
  readonly package: string;
  /** Where it is, or what it is run with; `null` where it isn't. */
  readonly find: () => string | null;
}

/** Debian's, whatever other Python comes first: its packages are for this one alone. */
const PYTHON = "/usr/bin/python3";
const NCHAN = "/usr/lib/nginx/modules/ngx_nchan_module.so";
const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** All of them. `.ci/run` installs them. */
export const NEEDS: Readonly<
  Record<"chromium" | "slixmpp" | "aioxmpp" | "prosody" | "ejabberd" | "tsung" | "nchan" | "pushpin", Need>
> = {
  chromium: { name: "Chromium", package: "chromium", find: findChromium },
  slixmpp: { name: "slixmpp", package: "python3-slixmpp", find: () => findPython("slixmpp") },
  aioxmpp: { name: "aioxmpp", package: "python3-aioxmpp", find: () => findPython("aioxmpp") },
  prosody: { name: "Prosody", package: "prosody", find: () => findProgram("prosody") },
  ejabberd: { name: "ejabberd", package: "ejabberd", find: () => findProgram("ejabberdctl") },
  tsung: { name: "Tsung", package: "tsung", find: () => findProgram("tsung") },
  nchan: { name: "nchan", package: "nginx libnginx-mod-nchan", find: () => findFile(NCHAN) },
  pushpin: { name: "Pushpin", package: "pushpin", find: () => findProgram("pushpin") },
};

/**
 * Why tests that need it are skipped; `null` if they are not. Where everything has to be tested (`CI`) they never are.
 * @throws {Error} in CI without it
 */
export function reasonToSkip(need: Need): string | null {
  if (need.find() !== null) return null;
  const reason = `no ${need.name} here: ${howToGet(need)}`;
  if (process.env["CI"] !== undefined && process.env["CI"] !== "") throw new Error(reason);
  return reason;
}

/** What to type to have it. */
export function howToGet(need: Need): string {
  return `apt-get install ${need.package}`;
}

/** `CHROMIUM` names another one. */
function findChromium(): string | null {
  return process.env["CHROMIUM"] ?? BROWSERS.find((path) => existsSync(path)) ?? null;
}

function findPython(module: string): string | null {
  try {
    execFileSync(PYTHON, ["-c", `import ${module}`], { stdio: "ignore" });
    return PYTHON;
  } catch {
    return null;
  }
}

function findFile(path: string): string | null {
  return existsSync(path) ? path : null;
}

/** Those of an administrator are not in everybody's path. */
function findProgram(name: string): string | null {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}
