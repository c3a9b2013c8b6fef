import { createServer } from "node:net";

/** A port that something else holds, and the flag that would take another. */
export class PortTakenError extends Error {
  constructor(port: number, flag: string) {
    const other = port > 60_000 ? port - 1000 : port + 1000;
    super(`port ${port} is taken. End what holds it, or take another one: npm start -- --${flag} ${other}`);
  }
}

/**
 * Makes sure that a port on loopback is free before anything is started. 0 always is.
 * @throws {PortTakenError}
 */
export function checkFree(port: number, flag: string): Promise<void> {
  if (port === 0) return Promise.resolve();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const probe = createServer();
  probe.once("error", (error: NodeJS.ErrnoException) => {
    reject(error.code === "EADDRINUSE" || error.code === "EACCES" ? new PortTakenError(port, flag) : error);
  });
  probe.listen({ port, host: "127.0.0.1" }, () => probe.close(() => resolve()));
  return promise;
}
