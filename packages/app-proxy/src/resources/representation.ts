import type { ClientRequest, IncomingMessage } from "node:http";
import { SluiceError, type Clock } from "@sluice/core";
import type { App } from "../forwarding/app.ts";
import type { HeaderList } from "../forwarding/header-list.ts";

/** What the app answered, whole. */
export interface Representation {
  readonly answer: IncomingMessage;
  readonly body: Buffer;
}

/** What is asked for. */
export interface RepresentationQuery {
  readonly path: string;
  readonly headers: HeaderList;
  /** Bytes of the body at the most. */
  readonly limitBytes: number;
}

/**
 * GETs something of the app for the gateway itself.
 * @throws {SluiceError} `app-unreachable`, `app-timed-out`, or `too-large` for a body over the limit
 */
export async function fetchRepresentation(app: App, query: RepresentationQuery, clock: Clock): Promise<Representation> {
  const { path, headers } = query;
  const ask = (alone?: "whole"): ClientRequest => app.send({ method: "GET", path, headers, ...(alone && { alone }) });
  try {
    return await wholeAnswer(ask(), app, query, clock);
  } catch (error) {
    if (!(error instanceof StaleConnection)) throw error;
    return wholeAnswer(ask("whole"), app, query, clock);
  }
}

/** The app closed a kept connection just when it was used again. */
class StaleConnection extends Error {
  override readonly name = "StaleConnection";
}

function wholeAnswer(ask: ClientRequest, app: App, query: RepresentationQuery, clock: Clock): Promise<Representation> {
  return new Promise((resolve, reject) => {
    let failure: Error | null = null;
    const fail = (error: Error): void => {
      failure ??= error;
      ask.destroy();
    };
    const { timeoutMs } = app.options;
    const cancel = clock.after(timeoutMs, () => {
      fail(new SluiceError("app-timed-out", `The app did not answer within ${timeoutMs / 1000} seconds.`));
    });
    ask.once("upgrade", (_answer, socket) => socket.destroy());
    ask.on("error", (cause) => {
      const isStale = ask.reusedSocket && "code" in cause && (cause.code === "ECONNRESET" || cause.code === "EPIPE");
      failure ??= isStale ? new StaleConnection() : unreachable(cause);
    });
    ask.once("response", (answer) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      answer.on("error", (cause) => (failure ??= unreachable(cause)));
      answer.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > query.limitBytes)
          fail(new SluiceError("too-large", `The app's answer is larger than ${query.limitBytes} bytes.`));
        else chunks.push(chunk);
      });
      answer.once("end", () => {
        if (failure === null) resolve({ answer, body: Buffer.concat(chunks) });
      });
    });
    ask.once("close", () => {
      cancel();
      // Without effect if all of it has come.
      reject(failure ?? unreachable());
    });
    ask.end();
  });
}

function unreachable(cause?: unknown): SluiceError {
  return new SluiceError("app-unreachable", "The app can't be reached, or broke off.", { cause });
}
