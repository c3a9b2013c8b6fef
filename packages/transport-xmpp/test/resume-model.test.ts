import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock } from "@sluice/core/testing";
import { expect, test } from "vitest";
import type { RawStream } from "./support/raw-stream.ts";
import { ask, bound, enable, loggedIn, resume, subscribe } from "./support/streams.ts";
import { until } from "./support/until.ts";
import { createLog, XmppServer } from "./support/xmpp-server.ts";

const ROUNDS = 15;
const READ = ["orders/**"];
const NODES = ["orders/1", "orders/*"];
const PING = "<ping xmlns='urn:xmpp:ping'/>";
const STANZA = /<message .*?<\/message>|<iq [^>]*\/>/gs;

/** What a client has of one stream, stanza by stanza, over all its connections. */
class Client {
  #stream: RawStream;
  #from: number;
  /** Those that it has taken in on former connections. */
  #kept: readonly string[] = [];
  readonly id: string;
  acknowledged = 0;

  constructor(stream: RawStream, id: string) {
    this.#stream = stream;
    this.#from = stream.text.length;
    this.id = id;
  }

  get stream(): RawStream {
    return this.#stream;
  }

  get stanzas(): readonly string[] {
    return [...this.#kept, ...(this.#stream.text.slice(this.#from).match(STANZA) ?? [])];
  }

  /** What came by one node. */
  numbersOf(node: string): readonly number[] {
    const messages = this.stanzas.filter((stanza) => stanza.includes(`<items node="${node}">`));
    return messages.map((message) => Number(/"data":(\d+)/.exec(message)?.[1]));
  }

  async acknowledge(h: number): Promise<void> {
    this.acknowledged = h;
    this.#stream.send(`<a xmlns='urn:xmpp:sm:3' h='${h}'/>`);
    await ask(this.#stream, "get", PING, "localhost");
  }

  /** The connection is lost, and with it what the client had not taken in. */
  cut(h: number): void {
    this.#kept = this.stanzas.slice(0, h);
    this.#stream.destroy();
  }

  async resume(server: XmppServer): Promise<void> {
    this.#stream = await loggedIn(server, await server.token("ann", READ));
    this.#from = this.#stream.text.length;
    this.acknowledged = this.#kept.length;
    expect(await resume(this.#stream, this.id, this.acknowledged)).toContain("<resumed ");
  }
}

test.each([1, 2, 3, 4, 5, 6])(
  "cuts, resumptions and restarts by chance (%i): each event once, in order",
  async (seed) => {
    const directory = await mkdtemp(join(tmpdir(), "sluice-model-"));
    const chance = new ManualClock(0, seed);
    const upTo = (most: number): number => Math.floor(chance.random() * (most + 1));
    const options = { hasTls: true, path: join(directory, "xmpp.db"), log: createLog(), messagesPerSecond: 1000 };
    let server = await XmppServer.start(options);
    const first = await bound(server, await server.token("ann", READ));
    await subscribe(first, "orders/1");
    await subscribe(first, "orders/*", "ann@localhost");
    const client = new Client(first, await enable(first));
    let published = 0;
    const publish = async (): Promise<void> => {
      for (let count = upTo(6); count > 0; count -= 1) await server.publish("orders/1", (published += 1));
    };
    const arrived = (): Promise<void> =>
      until("all", () => NODES.every((node) => client.numbersOf(node).at(-1) === published || published === 0));
    for (let round = 0; round < ROUNDS; round += 1) {
      await publish();
      await arrived();
      const had = client.stanzas.length;
      if (chance.random() < 0.5) await client.acknowledge(client.acknowledged + upTo(had - client.acknowledged));
      if (chance.random() < 0.7) client.cut(client.acknowledged + upTo(client.stanzas.length - client.acknowledged));
      else continue;
      await publish();
      if (chance.random() < 0.3) {
        await server.stop();
        server = await XmppServer.start(options);
        await publish();
      }
      await client.resume(server);
    }
    await arrived();
    const all = Array.from({ length: published }, (_, n) => n + 1);
    for (const node of NODES) expect(client.numbersOf(node)).toEqual(all);
    client.stream.destroy();
    expect(server.errors).toEqual([]);
    await server.stop();
    await rm(directory, { recursive: true });
  },
);
