import { AccessOptionsError } from "@sluice/access";
import { LogOpenError } from "@sluice/log-sqlite";
import type { Arguments } from "../cli/arguments.ts";
import type { Io } from "../cli/command.ts";
import { CommandError, oneLine, type ExitCode } from "../cli/failure.ts";
import type { Config } from "../config/config.ts";
import { formatFault, formatFaults } from "../config/fault.ts";
import type { LoadResult } from "../config/load-config.ts";
import { startGateway, type Gateway } from "../gateway.ts";
import { ListenError } from "../listening.ts";
import { createLogger, type GatewayLogger } from "../logging/logger.ts";
import { boundYoungGeneration, keepGenericWasmWrappers } from "../v8-flags.ts";
import { loadGiven } from "./config-options.ts";

/** How a command runs the gateway. */
export interface RunOptions {
  readonly mode: "serve" | "dev";
  /** What a person at a terminal is greeted with. */
  readonly greeting: (gateway: Gateway, config: Config) => string;
  /** Completes each configuration that was loaded, the first and those of reloads. */
  readonly complete?: (config: Config) => Config;
}

/**
 * Runs the gateway until it is told to stop: SIGTERM and SIGINT drain it (a second one stops it at once), SIGHUP
 * reloads its configuration.
 */
export async function runGateway(given: Arguments, io: Io, options: RunOptions): Promise<ExitCode> {
  const { complete = (config: Config): Config => config } = options;
  const load = async (): Promise<LoadResult> => {
    const result = await loadGiven(given, io, options.mode);
    return "faults" in result ? result : { ...result, config: complete(result.config) };
  };
  const loaded = await load();
  if ("faults" in loaded) throw new CommandError(formatFaults(loaded.faults));
  const { config } = loaded;
  keepGenericWasmWrappers();
  const isTerminal = io.stdout.isTTY === true;
  const logger = await createLogger(config.logging, isTerminal);
  try {
    // The signals are heard from the start: whoever sees that it is ready may send one at once.
    const gateway = start(config, logger);
    const running = new Running(gateway, logger, load);
    await running.untilStopped((ready) => {
      boundYoungGeneration();
      if (isTerminal) io.stdout.write(options.greeting(ready, config));
    });
    return 0;
  } finally {
    logger.flush();
  }
}

async function start(config: Config, logger: GatewayLogger): Promise<Gateway> {
  const onLogLost = (error: Error): void => {
    logger.error({ reason: oneLine(error) }, "the log is lost: the gateway stops");
    end(logger, `${oneLine(error)} The process ends; one that is started anew opens the log again.`);
  };
  try {
    return await startGateway({ config, logger, onLogLost });
  } catch (error) {
    if (error instanceof ListenError) throw new CommandError(oneLine(error));
    if (error instanceof LogOpenError) throw new CommandError(`log.path: ${oneLine(error)}`);
    if (error instanceof AccessOptionsError) throw new CommandError(`access can't be used: ${oneLine(error)}`);
    throw new CommandError(`the gateway can't start: ${oneLine(error)}`);
  }
}

class Running {
  readonly #gateway: Promise<Gateway>;
  readonly #logger: GatewayLogger;
  readonly #load: () => Promise<LoadResult>;
  /** One reload after the other. */
  #reloading: Promise<void> = Promise.resolve();
  #isStopping = false;

  constructor(gateway: Promise<Gateway>, logger: GatewayLogger, load: () => Promise<LoadResult>) {
    this.#gateway = gateway;
    this.#logger = logger;
    this.#load = load;
  }

  async untilStopped(onReady: (gateway: Gateway) => void): Promise<void> {
    const stopped = Promise.withResolvers<void>();
    const stop = (signal: NodeJS.Signals): void => void this.#stop(signal).then(stopped.resolve, stopped.reject);
    const reload = (): void => {
      this.#reloading = this.#reloading.then(() => this.#reload());
    };
    const crash = (error: unknown): void => this.#crash(error);
    process.on("SIGTERM", stop).on("SIGINT", stop).on("SIGHUP", reload);
    process.on("uncaughtException", crash).on("unhandledRejection", crash);
    try {
      await Promise.all([this.#gateway.then(onReady), stopped.promise]);
    } finally {
      process.off("SIGTERM", stop).off("SIGINT", stop).off("SIGHUP", reload);
      process.off("uncaughtException", crash).off("unhandledRejection", crash);
    }
  }

  /** The first signal drains; a second SIGINT, from a person who won't wait, closes. */
  async #stop(signal: NodeJS.Signals): Promise<void> {
    const gateway = await this.#gateway;
    if (this.#isStopping && signal === "SIGTERM") return gateway.drain();
    const isSecond = this.#isStopping;
    this.#isStopping = true;
    this.#logger.info({ signal }, isSecond ? "stopping at once" : "stopping");
    await (isSecond ? gateway.close() : gateway.drain());
  }

  async #reload(): Promise<void> {
    try {
      const loaded = await this.#load();
      if ("faults" in loaded) {
        const faults = loaded.faults.map(formatFault);
        this.#logger.error({ faults }, "the new configuration is refused; the old one stays");
        return;
      }
      const gateway = await this.#gateway;
      const needsRestart = await gateway.reload(loaded.config);
      this.#logger.setLevel(loaded.config.logging.level);
      if (needsRestart.length === 0) this.#logger.info({}, "reloaded");
      else this.#logger.warn({ needs_restart: needsRestart }, "reloaded; some of it waits for a restart");
    } catch (error) {
      this.#logger.error({ reason: oneLine(error) }, "the reload failed; the old configuration stays");
    }
  }

  /** A fault of ours that nobody caught: what it left behind is not known, so the process goes, and is started anew. */
  #crash(error: unknown): void {
    this.#logger.error({ err: error }, "a fault in the gateway: it stops");
    end(this.#logger, `a fault in the gateway: ${oneLine(error)}; please report it`);
  }
}

/** Ends the process at once, with everything said: it can't go on, and whoever supervises it starts it anew. */
function end(logger: GatewayLogger, line: string): never {
  logger.flush();
  process.stderr.write(`sluice: ${line}\n`);
  process.exit(1);
}
