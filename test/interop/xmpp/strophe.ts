import { $iq, $pres, Strophe } from "strophe.js";
import { until } from "../../support/until.ts";
import { FetchRequest } from "../../support/xhr.ts";
import { boshUrl, dataIn, DOMAIN, PASSWORD, PUBSUB, SERVICE, websocketUrl, type StockClient } from "./stock-client.ts";
import type { StockClientFactory } from "./stock-client.ts";

/** As much of a DOM element as is used here. */
interface StanzaElement {
  readonly outerHTML?: string;
  getElementsByTagName(name: string): Iterable<{ readonly textContent: string }>;
}

/** strophe.js. By BOSH it repeats requests that got lost; by WebSocket its user has to log in again. */
class StropheClient implements StockClient {
  readonly data: unknown[] = [];
  readonly #connection: InstanceType<typeof Strophe.Connection>;
  readonly #node: string;
  readonly #repeatsRequests: boolean;
  #status = 0;

  constructor(service: string, node: string, repeatsRequests: boolean) {
    Strophe.setLogLevel(Strophe.LogLevel.FATAL);
    Object.assign(globalThis, { XMLHttpRequest: FetchRequest });
    this.#connection = new Strophe.Connection(service);
    this.#node = node;
    this.#repeatsRequests = repeatsRequests;
  }

  async start(): Promise<void> {
    const connection = this.#connection;
    connection.addHandler((message: StanzaElement) => this.#take(message), null, "message");
    connection.connect(
      `strophe@${DOMAIN}/${this.#repeatsRequests ? "bosh" : "websocket"}`,
      PASSWORD,
      (status: number) => {
        this.#status = status;
        return undefined;
      },
    );
    await until("a login", () => this.#status === Strophe.Status.CONNECTED);
    connection.send($pres());
    const iq = $iq({ type: "set", to: SERVICE })
      .c("pubsub", { xmlns: PUBSUB })
      .c("subscribe", { node: this.#node, jid: connection.jid });
    await new Promise<void>((resolve, reject) => {
      connection.sendIQ(
        iq,
        () => resolve(),
        (error: StanzaElement | null) => reject(new Error(error?.outerHTML ?? "timeout")),
      );
    });
  }

  async comeBack(): Promise<void> {
    if (this.#repeatsRequests) return;
    await until("the loss", () => this.#status === Strophe.Status.DISCONNECTED);
    this.#connection.reset();
    await this.start();
  }

  async stop(): Promise<void> {
    this.#connection.disconnect("done");
    await until("the end", () => this.#status === Strophe.Status.DISCONNECTED);
  }

  #take(message: StanzaElement): boolean {
    for (const { textContent } of Array.from(message.getElementsByTagName("json"))) this.data.push(dataIn(textContent));
    return true;
  }
}

export const stropheByWebSocket: StockClientFactory = (place, node) =>
  new StropheClient(websocketUrl(place), node, false);

export const stropheByBosh: StockClientFactory = (place, node) => new StropheClient(boshUrl(place), node, true);
