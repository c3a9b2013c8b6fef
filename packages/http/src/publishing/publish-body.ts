import type { IncomingMessage } from "node:http";
import { SluiceError } from "@sluice/core";

/** How much of a refused body is read on, so that the client gets to see why, before the connection is cut. */
const DISCARD_BYTES = 64 * 1024 * 1024;

/**
 * Reads a whole body.
 * @throws {SluiceError} `too-large`; `bad-request` if the client breaks off
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const declared = Number(request.headers["content-length"] ?? 0);
  if (declared > maxBytes) return Promise.reject(tooLarge(maxBytes));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const settle = (error?: Error): void => {
      request.off("data", onData).off("end", onEnd).off("close", onCut).off("error", onCut);
      if (error === undefined) resolve(Buffer.concat(chunks, bytes));
      else reject(error);
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > maxBytes) settle(tooLarge(maxBytes));
      else chunks.push(chunk);
    };
    const onEnd = (): void => settle();
    const onCut = (): void => settle(new SluiceError("bad-request", "The body ended before its time."));
    request.on("data", onData).on("end", onEnd).on("close", onCut).on("error", onCut);
  });
}

/** Takes in what is left of a body that nobody wants, within bounds. */
export function discardBody(request: IncomingMessage): void {
  if (request.readableEnded || request.destroyed) return;
  let bytes = 0;
  request.on("error", () => undefined);
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > DISCARD_BYTES) request.destroy();
  });
}

/** The text of a body. @throws {SluiceError} `invalid-json` if it is not UTF-8 */
export function textOf(body: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch (error) {
    throw new SluiceError("invalid-json", "The body is not valid UTF-8.", { cause: error });
  }
}

function tooLarge(maxBytes: number): SluiceError {
  return new SluiceError("too-large", `The body is larger than ${maxBytes} bytes.`);
}
