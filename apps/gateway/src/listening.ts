import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import type { LimitsConfig, Listen } from "./config/config.ts";

/** A listener could not be opened. The message is one line, with what to do. */
export class ListenError extends Error {
  override readonly name: string = "ListenError";
}

/** Connections that may wait to be taken: readers come back all at once after a restart. */
const BACKLOG = 4096;

/** What is wrong; a key to set follows. */
const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "it is in use; stop what listens there, or",
  EACCES: "this user may not listen there (ports below 1024 are the system's, as a rule);",
  EADDRNOTAVAIL: "this machine has no such address;",
  ENOTFOUND: "there is no such host;",
};

/**
 * Opens a listener; answers its URL, with the port it really has.
 * @param key of the configuration that says where, for the error
 * @throws {ListenError}
 */
export async function listen(server: FastifyInstance, { host, port }: Listen, key: string): Promise<string> {
  try {
    // Fastify would open a second server for localhost, which knows nothing of a drain.
    await server.listen({ host: host === "localhost" ? "127.0.0.1" : host, port, backlog: BACKLOG });
  } catch (error) {
    throw new ListenError(`can't listen on ${origin(host, port)}: ${reasonOf(error)} set ${key}`, { cause: error });
  }
  const address = server.server.address() as AddressInfo;
  return `http://${origin(reachable(host), address.port)}`;
}

/**
 * Waits for a listener that a transport opens itself.
 * @param key of the configuration that says where, for the error
 * @throws {ListenError}
 */
export async function explained(opening: Promise<void>, key: string): Promise<void> {
  try {
    await opening;
  } catch (error) {
    throw new ListenError(`can't listen as ${key} says: ${reasonOf(error)} set another address`, { cause: error });
  }
}

/** Takes other limits on heads. Node asks for both anew: the time with each check, the size with each connection. */
export function setHeadLimits(server: Server & { maxHeaderSize?: number }, limits: LimitsConfig): void {
  server.headersTimeout = limits.headTimeoutMs;
  server.maxHeaderSize = limits.headerBytes;
}

/** Takes no new connections; resolves when the last one has ended. */
export function stopListening(server: FastifyInstance | null): Promise<void> {
  return new Promise((resolve) => {
    if (server?.server.listening !== true) return resolve();
    server.server.close(() => resolve());
    server.server.closeIdleConnections();
  });
}

/** Ends all that is left of a listener, whatever it is at. */
export async function closeServer(server: FastifyInstance | null): Promise<void> {
  if (server === null) return;
  server.server.closeAllConnections();
  await server.close();
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return REASONS[code] ?? `${error instanceof Error ? error.message : String(error)};`;
}

function origin(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** An address under which this machine reaches a listener on all of its addresses. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
