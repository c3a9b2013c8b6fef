import { createClient } from "stanza";
import { until } from "../../support/until.ts";
import { boshUrl, DOMAIN, PASSWORD, SERVICE, websocketUrl, type StockClient } from "./stock-client.ts";
import type { StockClientFactory } from "./stock-client.ts";

type Transports = { readonly websocket: string | false; readonly bosh: string | false };

/** stanza, which connects again by itself: by WebSocket it resumes its stream, by BOSH it repeats what got lost. */
class StanzaClient implements StockClient {
  readonly data: unknown[] = [];
  readonly #client: ReturnType<typeof createClient>;
  readonly #node: string;

  constructor(transports: Transports, node: string) {
    this.#node = node;
    const resource = transports.bosh === false ? "websocket" : "bosh";
    const login = { jid: `stanza@${DOMAIN}`, password: PASSWORD, server: DOMAIN, resource };
    this.#client = createClient({ ...login, transports, autoReconnect: true });
    this.#client.on("pubsub:published", ({ pubsub }) => {
      for (const { content } of pubsub.items.published ?? []) {
        this.data.push((content as unknown as { readonly json: { readonly data: unknown } }).json.data);
      }
    });
  }

  async start(): Promise<void> {
    const client = this.#client;
    const started = new Promise((resolve) => client.once("session:started", resolve));
    client.connect();
    await started;
    client.sendPresence();
    await client.subscribeToNode(SERVICE, { node: this.#node, useBareJID: false } as { node: string });
  }

  comeBack(): Promise<void> {
    return until("the session", () => this.#client.sessionStarted).then(() => undefined);
  }

  async stop(): Promise<void> {
    const stopped = new Promise((resolve) => this.#client.once("disconnected", resolve));
    this.#client.disconnect();
    await stopped;
  }
}

export const stanzaByWebSocket: StockClientFactory = (place, node) =>
  new StanzaClient({ websocket: websocketUrl(place), bosh: false }, node);

export const stanzaByBosh: StockClientFactory = (place, node) =>
  new StanzaClient({ websocket: false, bosh: boshUrl(place) }, node);
