import type { Server } from "node:http";
import type { Socket } from "node:net";

/**
 * The connections on which nobody has asked for anything yet. Node takes them for busy ones when a server closes, and
 * by then looks at its timeouts no more: a connection that a browser opened in advance would hold a drain to its end.
 */
export class UnusedConnections {
  readonly #sockets = new Set<Socket>();
  /** One for all connections: they are many. */
  readonly #onClose: (this: Socket) => void;

  constructor(server: Server) {
    const sockets = this.#sockets;
    this.#onClose = function onClose() {
      sockets.delete(this);
    };
    server.on("connection", (socket) => {
      sockets.add(socket);
      socket.once("close", this.#onClose);
    });
  }

  /** The head of a request has arrived on it. */
  used(socket: Socket): void {
    if (this.#sockets.delete(socket)) socket.off("close", this.#onClose);
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
