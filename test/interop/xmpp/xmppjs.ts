import { client, xml, type XmppClient } from "@xmpp/client";
import { until } from "../../support/until.ts";
import {
  dataIn,
  DOMAIN,
  PASSWORD,
  PUBSUB,
  SERVICE,
  websocketUrl,
  type Place,
  type StockClient,
} from "./stock-client.ts";

/** `@xmpp/client`, which connects again by itself and resumes its stream (XEP-0198). */
class XmppJs implements StockClient {
  readonly data: unknown[] = [];
  readonly #xmpp: XmppClient;
  readonly #node: string;
  #streamId = "";

  constructor(service: string, resource: string, node: string) {
    this.#node = node;
    this.#xmpp = client({ service, domain: DOMAIN, username: "xmppjs", password: PASSWORD, resource });
    this.#xmpp.on("error", () => undefined);
    this.#xmpp.on("stanza", (stanza) => {
      const json = stanza.getChild("event")?.getChild("items")?.getChild("item")?.getChildText("json");
      if (typeof json === "string") this.data.push(dataIn(json));
    });
  }

  async start(): Promise<void> {
    const jid = await this.#xmpp.start();
    await this.#xmpp.send(xml("presence"));
    const subscribe = xml("subscribe", { node: this.#node, jid: jid.toString() });
    const pubsub = xml("pubsub", { xmlns: PUBSUB }, subscribe);
    await this.#xmpp.iqCaller.request(xml("iq", { type: "set", to: SERVICE }, pubsub));
    await until("stream management", () => this.#xmpp.streamManagement.enabled);
    this.#streamId = this.#xmpp.streamManagement.id;
  }

  async comeBack(): Promise<void> {
    await until("the stream", () => this.#xmpp.status === "online");
    if (this.#xmpp.streamManagement.id !== this.#streamId) throw new Error("The stream was not resumed.");
  }

  async stop(): Promise<void> {
    this.#xmpp.reconnect.stop();
    await this.#xmpp.stop();
  }
}

export function xmppJsByTcp({ tcpPort }: Place, node: string): StockClient {
  return new XmppJs(`xmpp://127.0.0.1:${tcpPort}`, "tcp", node);
}

export function xmppJsByWebSocket(place: Place, node: string): StockClient {
  return new XmppJs(websocketUrl(place), "websocket", node);
}
