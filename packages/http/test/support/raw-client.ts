import { connect, type Socket } from "node:net";

/** A client that says exactly the bytes it is told to and shows exactly those it got. */
export class RawClient {
  readonly socket: Socket;
  #text = "";
  #isClosed = false;
  #onChange: (() => void) | null = null;

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1" });
    this.socket.setEncoding("utf8");
    this.socket.on("data", (chunk: string) => {
      this.#text += chunk;
      this.#onChange?.();
    });
    this.socket.on("error", () => undefined);
    this.socket.on("close", () => {
      this.#isClosed = true;
      this.#onChange?.();
    });
  }

  /** All that came so far. */
  get text(): string {
    return this.#text;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  send(text: string): this {
    this.socket.write(text);
    return this;
  }

  /** Resolves with all that came, as soon as it holds `part` so many times. */
  async holds(part: string | RegExp, times = 1): Promise<string> {
    await this.#when(() => this.#text.split(part).length > times, `${String(part)} in ${JSON.stringify(this.#text)}`);
    return this.#text;
  }

  /** Resolves with all that came, when the other side has closed. */
  async closed(): Promise<string> {
    await this.#when(() => this.#isClosed, `the end after ${JSON.stringify(this.#text)}`);
    return this.#text;
  }

  destroy(): void {
    this.socket.destroy();
  }

  #when(isSo: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), 30_000);
      this.#onChange = () => {
        if (isSo()) {
          clearTimeout(timer);
          resolve();
        } else if (this.#isClosed) {
          clearTimeout(timer);
          reject(new Error(`the connection closed before ${what}`));
        }
      };
      this.#onChange();
    });
  }
}

/** The JSON body of a whole response without chunks. */
export function bodyOfResponse(text: string): unknown {
  return JSON.parse(text.slice(text.indexOf("\r\n\r\n") + 4));
}

/** A chunked body put together again, and whether its last chunk came. */
export function dechunk(body: string): { readonly text: string; readonly isWhole: boolean } {
  let rest = Buffer.from(body);
  let text = "";
  for (;;) {
    const lineEnd = rest.indexOf("\r\n");
    if (lineEnd < 0) return { text, isWhole: false };
    const size = Number.parseInt(rest.subarray(0, lineEnd).toString(), 16);
    if (!/^[0-9a-f]+$/.test(rest.subarray(0, lineEnd).toString())) throw new Error(`no chunk size: ${rest.toString()}`);
    if (size === 0) return { text, isWhole: rest.subarray(lineEnd).toString() === "\r\n\r\n" };
    const chunk = rest.subarray(lineEnd + 2, lineEnd + 2 + size);
    if (rest.subarray(lineEnd + 2 + size, lineEnd + 4 + size).toString() !== "\r\n") return { text, isWhole: false };
    text += chunk.toString();
    rest = rest.subarray(lineEnd + 4 + size);
  }
}
