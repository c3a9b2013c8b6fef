import { GatewayProcess, type GatewayAddresses, type GatewayProcessOptions } from "./gateway-process.ts";

/** Options of a {@link GatewayKeeper}. */
export interface GatewayKeeperOptions extends Omit<GatewayProcessOptions, "onLost"> {
  /** It has ended, and could not be started again. */
  readonly onGivenUp: (error: unknown) => void;
}

/** Keeps a gateway running: whenever its process ends, it is started again at the same addresses. */
export class GatewayKeeper {
  readonly #options: GatewayKeeperOptions;
  readonly #process: GatewayProcess;
  readonly #listeners: (() => void)[] = [];
  #isUp = false;
  #isKept = true;
  #url = "";

  constructor(options: GatewayKeeperOptions) {
    this.#options = options;
    this.#process = new GatewayProcess({ ...options, onLost: () => void this.#comeBack() });
  }

  /** Its public address, once it was up. */
  get url(): string {
    return this.#url;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Process id; `undefined` while it is not running. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Is told whenever {@link isUp} has changed. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Starts it and waits until it is ready.
   * @throws {Error} as {@link GatewayProcess.start}
   */
  async start(): Promise<GatewayAddresses> {
    const addresses = await this.#process.start();
    this.#url = addresses.public;
    this.#setUp(true);
    return addresses;
  }

  /** Lets it drain and end; it is started again. Nothing happens while it is down. */
  restart(): void {
    if (!this.#isUp) return;
    this.#setUp(false);
    void this.#process.end();
  }

  /** Ends it at once; it is started again. Nothing happens while it is down. */
  kill(): void {
    if (this.#isUp) this.#process.kill();
  }

  /** From now on it is not started again: everything is about to end, and may end by itself. */
  letGo(): void {
    this.#isKept = false;
  }

  /** Lets it drain, and ends it for good. */
  async stop(): Promise<void> {
    this.letGo();
    await this.#process.stop();
  }

  /** Ends it for good, at once: for a process that has no time left. */
  abandon(): void {
    this.letGo();
    this.#process.kill();
  }

  async #comeBack(): Promise<void> {
    const { say, onGivenUp } = this.#options;
    this.#setUp(false);
    if (!this.#isKept) return;
    say("The gateway has ended and is started again.");
    try {
      await this.start();
      say(`The gateway is back, as process ${this.pid}.`);
    } catch (error) {
      onGivenUp(error);
    }
  }

  #setUp(isUp: boolean): void {
    if (this.#isUp === isUp) return;
    this.#isUp = isUp;
    for (const listener of this.#listeners) listener();
  }
}
