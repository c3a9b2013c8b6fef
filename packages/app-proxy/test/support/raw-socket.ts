import { connect, type Socket } from "node:net";
import { GIVE_UP_MS } from "./until.ts";

/** One end of a TCP connection, spoken to byte by byte. Bytes are read as latin1: one character for each. */
export class RawSocket {
  readonly socket: Socket;
  received = "";
  /** How the other side ended: not yet, its half only (FIN), or with a reset. */
  ending: "open" | "half" | "closed" | "reset" = "open";
  readonly #waiting = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.received += chunk.toString("latin1");
      this.#changed();
    });
    socket.on("end", () => {
      this.ending = "half";
      this.#changed();
    });
    socket.on("error", () => {
      this.ending = "reset";
      this.#changed();
    });
    socket.on("close", () => {
      if (this.ending !== "reset") this.ending = "closed";
      this.#changed();
    });
  }

  static open(port: number): Promise<RawSocket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new RawSocket(socket));
      });
    });
  }

  send(bytes: string | Uint8Array): void {
    if (typeof bytes === "string") this.socket.write(bytes, "latin1");
    else this.socket.write(bytes);
  }

  until(what: string, condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!condition()) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(
          new Error(
            `Waited in vain for ${what}; ${this.ending}; received: ${JSON.stringify(this.received.slice(0, 800))}`,
          ),
        );
      }, GIVE_UP_MS);
      this.#waiting.add(look);
      look();
    });
  }

  async untilReceived(text: string): Promise<string> {
    await this.until(JSON.stringify(text), () => this.received.includes(text));
    return this.received;
  }

  /** Waits until the other side has said all it will, ends this side too, and gives what came. */
  async untilClosed(): Promise<string> {
    await this.until("the other side's end", () => this.ending !== "open");
    this.socket.end();
    await this.until("the end", () => this.ending === "closed" || this.ending === "reset");
    return this.received;
  }

  #changed(): void {
    for (const look of this.#waiting) look();
  }
}

/** Sends one text on a connection of its own and gives what came until the other side closed. */
export async function exchange(port: number, text: string): Promise<string> {
  const raw = await RawSocket.open(port);
  raw.send(text);
  return raw.untilClosed();
}
