import { connect, type Socket } from "node:net";

/** Bytes and requests of all clients of a process. */
export interface Traffic {
  readonly upBytes: number;
  readonly downBytes: number;
  readonly requests: number;
  /** Answers without an event. */
  readonly wasted: number;
}

/** Opens the clients' sockets and counts what goes through them, also through those that are closed by now. */
export class Wire {
  readonly #live = new Set<Socket>();
  #closedUp = 0;
  #closedDown = 0;
  requests = 0;
  wasted = 0;

  /** Connects to a port of this machine. Errors end in `close`; nobody else needs to listen for them. */
  connect(port: number): Socket {
    return this.adopt(connect({ port, host: "127.0.0.1", noDelay: true }));
  }

  /** Counts a socket that somebody else has opened. */
  adopt(socket: Socket): Socket {
    this.#live.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      this.#live.delete(socket);
      this.#closedUp += socket.bytesWritten;
      this.#closedDown += socket.bytesRead;
    });
    return socket;
  }

  /** All so far. */
  traffic(): Traffic {
    let [upBytes, downBytes] = [this.#closedUp, this.#closedDown];
    for (const { bytesWritten, bytesRead } of this.#live) {
      upBytes += bytesWritten;
      downBytes += bytesRead;
    }
    return { upBytes, downBytes, requests: this.requests, wasted: this.wasted };
  }
}

/** What was added to the traffic since. */
export function trafficSince(before: Traffic, after: Traffic): Traffic {
  return {
    upBytes: after.upBytes - before.upBytes,
    downBytes: after.downBytes - before.downBytes,
    requests: after.requests - before.requests,
    wasted: after.wasted - before.wasted,
  };
}
