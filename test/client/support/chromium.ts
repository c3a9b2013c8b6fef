import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type BrowserContext } from "playwright-core";
import { NEEDS, reasonToSkip as reasonToSkipFor } from "../../support/needs.ts";

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

/** Why tests in the browser are skipped; `null` if they are not. @throws {Error} in CI without a browser */
export function reasonToSkip(): string | null {
  return reasonToSkipFor(NEEDS.chromium);
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
      executablePath: NEEDS.chromium.find() as string,
      args: FLAGS,
    });
    return new Chromium(context, profile);
  }

  async close(): Promise<void> {
    await this.context.close();
    await rm(this.#profile, { recursive: true, force: true });
  }
}
