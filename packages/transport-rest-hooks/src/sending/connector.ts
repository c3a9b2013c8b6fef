import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { buildConnector } from "undici";
import type { Births } from "./births.ts";
import { ForbiddenTargetError, hostOf, portOf, type TargetGuard } from "./target-guard.ts";

/** Options of {@link guardedConnector}. */
export interface ConnectorOptions {
  readonly guard: TargetGuard;
  /** For names, TCP and TLS together. */
  readonly connectTimeoutMs: number;
  readonly births: Births;
  /** Certificates that are trusted beside the system's; PEM. */
  readonly ca?: string | undefined;
}

/** An address did not answer in time. */
export class ConnectTimeoutError extends Error {
  override readonly name = "ConnectTimeoutError";
}

const TCP_KEEP_ALIVE_MS = 60_000;

/**
 * Opens the connections to targets. undici's own lookup is not asked for IP literals, and `tls.connect` knows no
 * `blockList`: so names are resolved here, once, all addresses checked, TCP opened to those and no others, the address
 * of the socket checked again, and only then TLS begun over it.
 */
export function guardedConnector(options: ConnectorOptions): buildConnector.connector {
  return (asked, callback) => {
    let current: Socket | null = null;
    let isSettled = false;
    const settle = (error: Error | null, socket?: Socket): void => {
      if (isSettled) {
        socket?.destroy();
        return;
      }
      isSettled = true;
      clearTimeout(timer);
      if (error === null && socket !== undefined) {
        options.births.note(socket);
        callback(null, socket);
      } else {
        current?.destroy();
        callback(error ?? new Error("no socket"), null);
      }
    };
    const timer = setTimeout(() => settle(new ConnectTimeoutError("no connection in time")), options.connectTimeoutMs);
    open(options, asked, (socket) => {
      if (isSettled) socket.destroy();
      current = socket;
    }).then(
      (socket) => settle(null, socket),
      (error: unknown) => settle(error instanceof Error ? error : new Error(String(error))),
    );
  };
}

async function open(
  { guard, ca }: ConnectorOptions,
  { hostname, protocol, port: portText, servername }: buildConnector.Options,
  onSocket: (socket: Socket) => void,
): Promise<Socket> {
  const host = hostOf(hostname);
  const port = portOf(protocol, portText);
  const addresses = await guard.addressesOf(host, port);
  if (addresses.length === 0) throw new ForbiddenTargetError(`${host} has no address`);
  const blockList = guard.blockListFor(addresses);
  const socket = connectTcp({
    host,
    port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
    autoSelectFamily: true,
    ...(blockList === undefined ? {} : { blockList }),
    // The addresses that were checked: a second answer of the resolver could be another one.
    lookup: (_hostname, lookupOptions, answer) => {
      const [first] = addresses;
      if (lookupOptions.all === true) answer(null, [...addresses]);
      else answer(null, first?.address ?? "", first?.family);
    },
  });
  onSocket(socket);
  await once(socket, "connect");
  guard.checkAddress(socket.remoteAddress ?? "", socket.remotePort ?? port);
  if (protocol !== "https:") return socket;
  const name = servername ?? host;
  const secure: TLSSocket = connectTls({
    socket,
    ...(isIP(name) === 0 ? { servername: name } : { host: name }),
    ALPNProtocols: ["http/1.1"],
    ...(ca === undefined ? {} : { ca }),
  });
  onSocket(secure);
  await once(secure, "secureConnect");
  return secure;
}

function once(socket: Socket, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onEvent = (): void => settle(null);
    const onError = (error: Error): void => settle(error);
    const onClose = (): void => settle(new Error("the connection was closed"));
    const settle = (error: Error | null): void => {
      socket.off(event, onEvent).off("error", onError).off("close", onClose);
      if (error === null) resolve();
      else {
        // Whatever it says after that is of no interest.
        socket.on("error", () => undefined);
        reject(error);
      }
    };
    socket.on(event, onEvent).on("error", onError).on("close", onClose);
  });
}
