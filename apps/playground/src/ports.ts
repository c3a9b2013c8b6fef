import { createServer, type AddressInfo } from "node:net";

/** A port that something else holds, and the flag that would take another. */
export class PortTakenError extends Error {
  constructor(port: number, flag: string) {
    const other = port > 60_000 ? port - 1000 : port + 1000;
    super(`port ${port} is taken. End what holds it, or take another one: npm start -- --${flag} ${other}`);
  }
}

/**
 * Makes sure that a port on loopback is free before anything is started.
 * @returns The port; for 0, one that was free a moment ago
 * @throws {PortTakenError}
 */
export function freePort(port: number, flag: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const probe = createServer();
  probe.once("error", (error: NodeJS.ErrnoException) => {
    reject(error.code === "EADDRINUSE" || error.code === "EACCES" ? new PortTakenError(port, flag) : error);
  });
  probe.listen({ port, host: "127.0.0.1" }, () => {
    const { port: found } = probe.address() as AddressInfo;
    probe.close(() => resolve(found));
  });
  return promise;
}
