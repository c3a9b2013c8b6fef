import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { SluiceError, type Meter } from "@sluice/core";
import { problem, type Problem } from "./problem.ts";

/** How long a refused connection is read on, so that the client gets to see the answer and not a reset. */
const LINGER_MS = 1000;

/** Answers the faults that Node's parser finds before there is a request: 400, 408, 413 and 431, as problem+json. */
export function onClientError(meter: Meter | undefined): (error: Error, socket: Socket) => void {
  return (error, socket) => {
    if (socket.writableEnded) return;
    if (!socket.writable || hasBegunToAnswer(socket) || codeOf(error) === "ECONNRESET") {
      socket.destroy();
      return;
    }
    const fault = faultOf(error);
    meter?.refused("http", fault.code);
    socket.end(rawResponse(problem(fault)));
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  };
}

/** The bytes of a whole HTTP/1.1 response that closes its connection. */
export function rawResponse(told: Problem): string {
  const lines = [`HTTP/1.1 ${told.status} ${STATUS_CODES[told.status] ?? ""}`];
  for (const [name, value] of Object.entries(told.headers)) lines.push(`${name}: ${value}`);
  lines.push(
    `content-length: ${Buffer.byteLength(told.body)}`,
    `date: ${new Date().toUTCString()}`,
    "connection: close",
  );
  return `${lines.join("\r\n")}\r\n\r\n${told.body}`;
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "";
}

/** Whether part of another answer is on the wire: what comes behind it then would be read as its body. */
function hasBegunToAnswer(socket: Socket): boolean {
  // Node's own handler asks the same; there is no public way to.
  const { _httpMessage: message } = socket as { _httpMessage?: { headersSent: boolean } | null };
  return message?.headersSent === true;
}

function faultOf(error: Error): SluiceError {
  switch (codeOf(error)) {
    case "HPE_HEADER_OVERFLOW":
      return new SluiceError("header-too-large", "The request's header is larger than the gateway takes.");
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return new SluiceError("too-large", "The chunk extensions of the body are too large.");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new SluiceError("request-timeout", "The request did not arrive in time.");
    default:
      return new SluiceError("bad-request", "The request is not valid HTTP/1.1.");
  }
}
