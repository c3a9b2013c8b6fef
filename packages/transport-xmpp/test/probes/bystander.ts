import { RawStream } from "../support/raw-stream.ts";
import { until } from "../support/until.ts";
import type { XmppServer } from "../support/xmpp-server.ts";

const TOPIC = "public/bystander";
const PUBSUB = "http://jabber.org/protocol/pubsub";

/** A client that has nothing to do with a probe, and must go on getting its events. */
export class Bystander {
  readonly #server: XmppServer;
  readonly #stream: RawStream;
  #published = 0;

  /** @param hasTls whether the server wants it */
  static async start(server: XmppServer, hasTls: boolean): Promise<Bystander> {
    const stream = await (hasTls ? RawStream.openDirect(server.directPort) : RawStream.open(server.tcpPort));
    await stream.login();
    const subscribe = `<pubsub xmlns='${PUBSUB}'><subscribe node='${TOPIC}' jid='${stream.jid}'/></pubsub>`;
    await stream.ask(`<iq id='s' type='set' to='pubsub.localhost'>${subscribe}</iq>`, "</iq>");
    return new Bystander(server, stream);
  }

  private constructor(server: XmppServer, stream: RawStream) {
    this.#server = server;
    this.#stream = stream;
  }

  /** @throws if an event that is published now doesn't come, or the server had a fault of its own */
  async goesOn(): Promise<void> {
    this.#published += 1;
    const data = `"data":${this.#published}}`;
    await this.#server.publish(TOPIC, this.#published);
    await until(`event ${this.#published}`, () => this.#stream.text.includes(data));
    if (this.#server.errors.length > 0) throw new AggregateError(this.#server.errors, "The server had a fault.");
  }

  stop(): void {
    this.#stream.destroy();
  }
}
