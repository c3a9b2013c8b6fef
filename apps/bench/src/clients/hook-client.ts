import { request } from "node:http";
import { topicName } from "../load/schedule.ts";
import type { Client, ClientHost } from "./client.ts";
import type { HookReceivers } from "./hook-receivers.ts";
import { fill, type HookTarget } from "./targets.ts";

/** A hook: registered once, and from then on found by the server. It has come back as soon as its port is open. */
export class HookClient implements Client {
  readonly #host: ClientHost;
  readonly #target: HookTarget;
  readonly #client: number;
  readonly #receivers: HookReceivers;
  #isRegistered = false;

  constructor(host: ClientHost, target: HookTarget, client: number, receivers: HookReceivers) {
    this.#host = host;
    this.#target = target;
    this.#client = client;
    this.#receivers = receivers;
  }

  open(): void {
    this.#come().then(
      () => this.#host.ready(this.#client),
      (error: unknown) => this.#host.failed(this.#client, String(error)),
    );
  }

  cut(): void {
    this.#receivers.cut();
  }

  async #come(): Promise<void> {
    await this.#receivers.listen();
    if (this.#isRegistered) return;
    const topic = topicName(this.#host.tally.topicOf(this.#client));
    await post(
      this.#target.port,
      this.#target.path,
      fill(this.#target.body, { topic, target: this.#receivers.urlOf(this.#client) }),
    );
    this.#isRegistered = true;
  }
}

/** Not on the clients' wire: it is their owner's request, made once. */
function post(port: number, path: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const asked = request({ port, host: "127.0.0.1", method: "POST", path, headers }, (response) => {
      response.resume().once("end", () => {
        if (response.statusCode === 201) resolve();
        else reject(new Error(`${path}: ${response.statusCode}`));
      });
    });
    asked.once("error", reject).end(body);
  });
}
