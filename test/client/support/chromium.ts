import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type BrowserContext } from "playwright-core";

const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The browser's program; `null` where there is none. `CHROMIUM` names another one. */
export function chromiumPath(): string | null {
  const named = process.env["CHROMIUM"];
  if (named !== undefined) return named;
  return PATHS.find((path) => existsSync(path)) ?? null;
}

/**
 * Why tests in the browser are skipped: there is none here; `null` if they are not. Where everything has to be tested
 * (`CI`) they are never skipped.
 * @throws {Error} in CI without a browser
 */
export function reasonToSkip(): string | null {
  if (chromiumPath() !== null) return null;
  const reason = "no Chromium here: apt-get install chromium, or name one in CHROMIUM";
  if (process.env["CI"] !== undefined && process.env["CI"] !== "") throw new Error(reason);
  return reason;
}

/** A real Chromium with a profile of its own. */
export class Chromium {
  readonly context: BrowserContext;
  readonly #profile: string;

  private constructor(context: BrowserContext, profile: string) {
    this.context = context;
    this.#profile = profile;
  }

  static async start(): Promise<Chromium> {
    const profile = await mkdtemp(join(tmpdir(), "sluice-chromium-"));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: chromiumPath() as string,
      args: FLAGS,
    });
    return new Chromium(context, profile);
  }

  async close(): Promise<void> {
    await this.context.close();
    await rm(this.#profile, { recursive: true, force: true });
  }
}
