import { HttpConnection, type HttpAnswer, type HttpListener } from "../clients/http-connection.ts";
import type { Wire } from "../clients/wire.ts";

/** Publications that go out one after the other, in order, on a connection of their own: those of some topics. */
export class PublishLane implements HttpListener {
  readonly #connection: HttpConnection;
  readonly #waiting: string[] = [];
  readonly #onFault: (why: string) => void;
  #isBusy = false;
  #onIdle: (() => void) | null = null;

  /** @param onFault a publication was refused, or has no answer: what follows can't be believed */
  constructor(wire: Wire, port: number, onFault: (why: string) => void) {
    this.#connection = new HttpConnection(wire, port, this);
    this.#onFault = onFault;
  }

  /** Sends it as soon as those before it are accepted. */
  publish(request: string): void {
    if (this.#isBusy) {
      this.#waiting.push(request);
      return;
    }
    this.#isBusy = true;
    this.#connection.send(request);
  }

  /** Resolves when everything is accepted. */
  async idle(): Promise<void> {
    if (!this.#isBusy) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  answered({ status, body }: HttpAnswer): void {
    if (status < 200 || status > 299)
      this.#onFault(`a publication was answered ${status}: ${body.toString("utf8", 0, 200)}`);
    const next = this.#waiting.shift();
    if (next !== undefined) {
      this.#connection.send(next);
      return;
    }
    this.#isBusy = false;
    this.#onIdle?.();
    this.#onIdle = null;
  }

  closed(): void {
    if (!this.#isBusy) return;
    this.#waiting.length = 0;
    this.#isBusy = false;
    this.#onFault("the connection ended before a publication was answered");
    this.#onIdle?.();
  }
}
