import { connect, type Socket } from "node:net";
import { GIVE_UP_MS } from "./until.ts";

/** A bare TCP connection: for what no HTTP client would send. */
export class RawConnection {
  readonly #socket: Socket;
  readonly #waiting = new Set<() => void>();
  #received = "";
  #isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      this.#received += text;
      this.#changed();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#isClosed = true;
      this.#changed();
    });
  }

  /** Connects to the host and port of a URL. */
  static open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname);
      socket.once("error", reject);
      socket.once("connect", () => resolve(new RawConnection(socket)));
    });
  }

  /** What has come so far, one character for each byte. */
  get received(): string {
    return this.#received;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Sends bytes; those that the other side no longer takes are lost without complaint. */
  send(bytes: string | Uint8Array): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes);
  }

  /** Waits until what has come satisfies the condition. @throws {Error} if the connection ends before */
  until(what: string, condition: (received: string) => boolean): Promise<string> {
    return this.#until(what, () => condition(this.#received));
  }

  /** Waits until the other side has closed; gives all that came. */
  untilClosed(): Promise<string> {
    return this.#until("the connection's end", () => this.#isClosed);
  }

  /** Breaks the connection off. */
  cut(): void {
    this.#socket.destroy();
  }

  #changed(): void {
    for (const look of this.#waiting) look();
  }

  #until(what: string, condition: () => boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
      };
      const fail = (why: string): void => {
        stop();
        reject(new Error(`${why} while waiting for ${what}; received: ${this.#received.slice(0, 500)}`));
      };
      const timer = setTimeout(() => fail("Nothing more came"), GIVE_UP_MS);
      const look = (): void => {
        if (condition()) {
          stop();
          resolve(this.#received);
        } else if (this.#isClosed) fail("The connection ended");
      };
      this.#waiting.add(look);
      look();
    });
  }
}
