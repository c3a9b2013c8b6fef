import type { Logger } from "@sluice/core";
import { destination, pino, stdSerializers, type DestinationStream } from "pino";
import type { LoggingConfig } from "../config/config.ts";

/** A logger that can be told to say more or less, and that ends with everything said. */
export interface GatewayLogger extends Logger {
  setLevel(level: LoggingConfig["level"]): void;
  /** Writes what is still waiting. */
  flush(): void;
}

/** Bytes of messages that wait for a slow reader of stdout; what comes on top of them is dropped. */
const WAITING_MAX_BYTES = 4 * 1024 * 1024;

/** Never in a message, whoever logs it: what authorises, and what events hold. */
const SECRETS = ["authorization", "cookie", "token", "secret", "key", "data", "credentials", "access_token"];

/** A logger onto stdout: JSON lines, or lines for people. */
export async function createLogger(config: LoggingConfig, isTerminal: boolean): Promise<GatewayLogger> {
  const isPretty = config.format === "pretty" || (config.format === "auto" && isTerminal);
  const stream = isPretty ? await prettyStream(isTerminal) : jsonStream();
  const logger = pino(
    {
      level: config.level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`, `*.headers.${name}`]), censor: "[hidden]" },
      serializers: { err: stdSerializers.err, url: withoutToken },
    },
    stream,
  );
  return {
    debug: (fields, text) => logger.debug(fields, text),
    info: (fields, text) => logger.info(fields, text),
    warn: (fields, text) => logger.warn(fields, text),
    error: (fields, text) => logger.error(fields, text),
    setLevel(level) {
      logger.level = level;
    },
    flush: () => stream.flushSync?.(),
  };
}

type Stream = DestinationStream & { flushSync?(): void };

function jsonStream(): Stream {
  // Not synchronous: who collects the lines may be slow, and the readers of events must not wait for that.
  const stream = destination({ dest: 1, sync: false, minLength: 0, maxLength: WAITING_MAX_BYTES });
  stream.on("error", () => undefined);
  return stream;
}

async function prettyStream(isTerminal: boolean): Promise<Stream> {
  const { default: pretty } = await import("pino-pretty");
  return pretty({
    destination: 1,
    sync: true,
    colorize: isTerminal,
    translateTime: "SYS:HH:MM:ss.l",
    ignore: "pid,hostname",
  });
}

/** A URL as it may be logged. */
function withoutToken(url: unknown): unknown {
  return typeof url === "string" ? url.replaceAll(/([?&]access_token=)[^&#]*/gi, "$1[hidden]") : url;
}
