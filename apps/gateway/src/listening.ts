import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import type { Listen } from "./config/config.ts";

/** A listener could not be opened. The message is one line, with what to do. */
export class ListenError extends Error {
  override readonly name: string = "ListenError";
}

/** Connections that may wait to be taken: readers come back all at once after a restart. */
const BACKLOG = 4096;

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "it is in use; stop what listens there",
  EACCES: "this user may not listen there",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "there is no such host",
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
    throw new ListenError(`can't listen on ${origin(host, port)}: ${reasonOf(error)}, or set ${key}`, { cause: error });
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
    throw new ListenError(`can't listen as ${key} says: ${reasonOf(error)}, or set it`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return REASONS[code] ?? (error instanceof Error ? error.message : String(error));
}

function origin(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** An address under which this machine reaches a listener on all of its addresses. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
