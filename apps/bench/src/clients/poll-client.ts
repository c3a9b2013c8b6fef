import { topicName } from "../load/schedule.ts";
import { take, type Client, type ClientHost } from "./client.ts";
import { headerOf, HttpConnection, type HttpAnswer, type HttpListener } from "./http-connection.ts";
import { fill, type PollTarget } from "./targets.ts";

/** A client that was refused asks again after this. */
const AGAIN_MS = 100;

/**
 * Polling by the clock, or long polling. A poll of the clock has its fixed time, as a timer in an app has: an answer
 * that comes late does not move the next poll, unless it is later than that.
 */
export class PollClient implements Client, HttpListener {
  readonly #host: ClientHost;
  readonly #target: PollTarget;
  readonly #client: number;
  readonly #path: string;
  readonly #connection: HttpConnection;
  #place = "";
  #timer: NodeJS.Timeout | null = null;
  #isWaiting = false;
  #isNew = true;
  /** The time of the next poll came while an answer was awaited. */
  #isDue = false;

  constructor(host: ClientHost, target: PollTarget, client: number) {
    this.#host = host;
    this.#target = target;
    this.#client = client;
    this.#path = fill(target.path, { topic: topicName(host.tally.topicOf(client)) });
    this.#connection = new HttpConnection(host.wire, target.port, this);
  }

  open(): void {
    const { intervalMs } = this.#target;
    // One that comes back goes on by its clock: its app does not know that the net is there again.
    if (this.#isNew || intervalMs === null) this.#ask();
    this.#isNew = false;
    if (intervalMs === null) return;
    // Spread over the interval: nobody's clients all look at once.
    this.#timer = setTimeout(() => {
      this.#timer = setInterval(() => this.#poll(), intervalMs);
      this.#poll();
    }, Math.random() * intervalMs);
  }

  cut(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#isWaiting = false;
    this.#isDue = false;
    this.#connection.cut();
  }

  /** Who waits for an answer is there with the connection: the answer may be long in coming. */
  connected(): void {
    const { intervalMs, waiting } = this.#target;
    if (intervalMs === null && (this.#place !== "" || waiting.length === 0)) this.#host.ready(this.#client);
  }

  answered({ status, head, body }: HttpAnswer): void {
    this.#isWaiting = false;
    if (status !== 200 && status !== 304 && status !== 204) {
      this.#host.failed(this.#client, `${this.#target.path}: ${status}`);
      this.#later();
      return;
    }
    const events = take(this.#host, this.#client, body, 0, body.length);
    if (events === 0) this.#host.wire.wasted += 1;
    this.#place = this.#target.echo
      .map(([header, as]) => [headerOf(head, header), as] as const)
      .map(([value, as]) => (value === null ? "" : `${as}: ${value}\r\n`))
      .join("");
    this.#host.ready(this.#client);
    if (this.#target.intervalMs === null || this.#isDue) this.#ask();
  }

  closed(): void {
    this.#isWaiting = false;
    this.#later();
  }

  #later(): void {
    if (this.#target.intervalMs !== null) return;
    this.#timer = setTimeout(() => this.#ask(), AGAIN_MS);
  }

  #poll(): void {
    if (this.#isWaiting) this.#isDue = true;
    else this.#ask();
  }

  #ask(): void {
    this.#isWaiting = true;
    this.#isDue = false;
    const { port, waiting } = this.#target;
    const more = this.#place === "" ? "" : waiting.map((header) => `${header}\r\n`).join("");
    this.#connection.send(`GET ${this.#path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${more}${this.#place}\r\n`);
  }
}
