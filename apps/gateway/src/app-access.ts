import {
  type AppSource,
  appSource,
  type AppSourceFigures,
  type AppSourceOptions,
  type GrantSource,
} from "@sluice/access";
import type { Clock, Logger } from "@sluice/core";
import type { Config } from "./config/config.ts";

/** What asking the app for grants is made of. */
export interface AppAccessOptions {
  /** The path of the app that a topic stands for; `null`: none. */
  readonly pathOf: (topic: string) => string | null;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** "Who may GET it may watch it", as long as the configuration says so (`access.app`). */
export class AppAccess {
  readonly #options: AppAccessOptions;
  #source: AppSource | null = null;

  constructor(options: AppAccessOptions) {
    this.#options = options;
  }

  /** What it has counted; `null` while it is off. */
  get figures(): AppSourceFigures | null {
    return this.#source?.figures ?? null;
  }

  /** The sources of grants under this configuration: one or none. What is no longer one goes on until {@link settle}. */
  sources(config: Config): readonly GrantSource[] {
    const options = this.#optionsOf(config);
    if (options === null) return [];
    const { clock, logger } = this.#options;
    if (this.#source === null) this.#source = appSource({ ...options, clock, logger });
    else this.#source.reload(options);
    return [this.#source];
  }

  /** The configuration is in force: what it does without is let go. */
  settle(config: Config): void {
    if (this.#optionsOf(config) === null) this.close();
  }

  close(): void {
    this.#source?.close();
    this.#source = null;
  }

  #optionsOf({ app, access }: Config): AppSourceOptions | null {
    if (app === null || access.app === null) return null;
    return { ...app, ...access.app, pathOf: this.#options.pathOf };
  }
}
