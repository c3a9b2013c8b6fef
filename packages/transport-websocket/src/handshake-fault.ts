import type { Duplex } from "node:stream";
import { SluiceError } from "@sluice/core";
import { HttpFault, problem, rawResponse } from "@sluice/http";

/** How long a refused connection is left open, so that the client gets to see the answer and not a reset. */
const LINGER_MS = 1000;

/**
 * Answers a handshake that `ws` refuses (RFC 6455 §4.2.1) as every other fault is told: problem+json, and not the page
 * that `ws` would send.
 */
export function refuseHandshake(error: Error, socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  // ws took over the guard of the socket and has given it up again.
  socket.on("error", () => socket.destroy());
  socket.end(rawResponse(problem(faultOf(error))));
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

function faultOf(error: Error): SluiceError {
  const detail = `The WebSocket handshake is not valid: ${error.message}.`;
  if (!error.message.includes("Sec-WebSocket-Version")) return new SluiceError("bad-request", detail, { cause: error });
  const headers = { "sec-websocket-version": "13, 8", upgrade: "websocket" };
  return new HttpFault("upgrade-required", detail, { headers, cause: error });
}
