import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createSecureContext, createServer as createTlsServer, type SecureContext } from "node:tls";
import type { Seats } from "@sluice/http";
import { createElement } from "ltx";
import type { Shared } from "../session/shared.ts";
import { NS } from "../xml/namespaces.ts";
import { streamError } from "../xml/stanza.ts";
import { TcpConnection } from "./tcp-connection.ts";

/** Where clients come by TCP. */
export interface XmppTcpOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** PEM texts. Without it the listener must be on loopback, and nobody can log in with a password or token as it is. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** Where TLS begins with the connection (XEP-0368). */
  readonly directTls: { readonly host: string; readonly port: number } | null;
}

/** Connections that may wait to be taken: readers come back all at once after a restart. */
const BACKLOG = 4096;
/** Time for the TLS handshake of a direct connection. */
const HANDSHAKE_MS = 30_000;
/** Time to hear that there is no place. */
const REFUSAL_MS = 2000;

/** The listeners of one transport. */
export class TcpListener {
  readonly #options: XmppTcpOptions;
  readonly #seats: Seats;
  readonly #servers: Server[] = [];
  readonly #ports: number[] = [];
  /** Connections whose TLS handshake is not over, by the client's address. */
  readonly #handshaking = new Map<string, Socket>();

  constructor(options: XmppTcpOptions, seats: Seats) {
    this.#options = options;
    this.#seats = seats;
  }

  /** The ports, in the order `listen`, `directTls`; also when they are closed. */
  get ports(): readonly number[] {
    return this.#ports;
  }

  /** Opens them. @throws if one can't be */
  async open(shared: Shared): Promise<void> {
    const { listen, tls, directTls } = this.#options;
    const context: SecureContext | null = tls === null ? null : createSecureContext({ cert: tls.cert, key: tls.key });
    const plain = createServer((socket) => this.#connected(shared, socket, context, false));
    await this.#listen(plain, listen);
    if (directTls === null || tls === null) return;
    const secured = createTlsServer({ cert: tls.cert, key: tls.key, handshakeTimeout: HANDSHAKE_MS });
    secured.on("secureConnection", (socket) => this.#connected(shared, socket, context, true));
    secured.on("connection", (socket: Socket) => {
      const key = addressOf(socket);
      this.#handshaking.set(key, socket);
      socket.once("close", () => this.#handshaking.delete(key));
    });
    secured.on("tlsClientError", (_error, socket) => socket.destroy());
    await this.#listen(secured, directTls);
  }

  /** Takes no more connections. Those that never got as far as a stream are cut. */
  close(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#handshaking.values()) socket.destroy();
  }

  #connected(shared: Shared, socket: Socket, context: SecureContext | null, isDirect: boolean): void {
    socket.on("error", () => socket.destroy());
    try {
      const seat = this.#seats.take(socket.remoteAddress ?? "");
      TcpConnection.serve(shared, socket, { context, isDirect }, seat);
      // From here on it is the session's to end.
      if (isDirect) this.#handshaking.delete(addressOf(socket));
    } catch {
      shared.meter.refused("xmpp", "too-many-connections");
      refuse(shared, socket);
    }
  }

  #listen(server: Server, { host, port }: { readonly host: string; readonly port: number }): Promise<void> {
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: host === "localhost" ? "127.0.0.1" : host, port, backlog: BACKLOG }, () => {
        server.off("error", reject);
        // One that can't be accepted (too many files are open, say) is lost; the listener goes on.
        server.on("error", () => undefined);
        this.#ports.push((server.address() as AddressInfo).port);
        resolve();
      });
    });
  }
}

/** One that there is no place for is told so, and has a moment to hear it. */
function refuse({ domain, clock }: Shared, socket: Socket): void {
  const names = { xmlns: NS.client, "xmlns:stream": NS.stream };
  const stream = createElement(
    "stream:stream",
    { ...names, from: domain, version: "1.0" },
    streamError("policy-violation"),
  );
  socket.end(`<?xml version="1.0"?>${stream.toString()}`);
  socket.resume();
  socket.once(
    "close",
    clock.after(REFUSAL_MS, () => socket.destroy()),
  );
}

function addressOf({ remoteAddress = "", remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
