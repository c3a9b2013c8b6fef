import type { Socket } from "node:net";

const REMEMBERED_MS = 1000;

/**
 * When connections were opened. A request that meets a reset before any byte of an answer may blame its target only if
 * the connection was opened for it: one that lay idle had been closed by the other side, perhaps long before. undici says
 * of an error which local port it was, and nothing else (it reads past the socket, whose own counts stay 0).
 */
export class Births {
  readonly #byPort = new Map<number, number>();

  note(socket: Socket): void {
    const { localPort } = socket;
    if (localPort === undefined) return;
    const bornAtMs = performance.now();
    this.#byPort.set(localPort, bornAtMs);
    socket.on("error", (error) => Object.assign(error, { socket: { localPort } }));
    socket.on("close", () => {
      // undici tells of it a little later.
      const timer = setTimeout(() => {
        if (this.#byPort.get(localPort) === bornAtMs) this.#byPort.delete(localPort);
      }, REMEMBERED_MS);
      timer.unref();
    });
  }

  /** Whether the connection of this error was there before. */
  isOlder(error: unknown, thanMs: number): boolean {
    if (typeof error !== "object" || error === null || !("socket" in error)) return false;
    const { socket } = error;
    if (typeof socket !== "object" || socket === null || !("localPort" in socket)) return false;
    const bornAtMs = this.#byPort.get(Number(socket.localPort));
    return bornAtMs !== undefined && bornAtMs < thanMs;
  }
}
