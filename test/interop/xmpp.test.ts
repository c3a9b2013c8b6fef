import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { execFileSync, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { createClient } from "stanza";
import { $iq, $pres, Strophe } from "strophe.js";
import { TestGateway } from "../support/test-gateway.ts";
import { until } from "../support/until.ts";
import { FetchRequest } from "../support/xhr.ts";

const PUBSUB = "http://jabber.org/protocol/pubsub";
const SERVICE = "pubsub.localhost";
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

let gateway: TestGateway;

beforeAll(async () => {
  Strophe.setLogLevel(Strophe.LogLevel.FATAL);
  const accounts = ["strophe", "stanza", "slixmpp"].map((name) => ({ name, password: "pencil", read: ["orders/**"] }));
  gateway = await TestGateway.startWithSqlite({
    access: { public: ["public/**"] },
    transports: { xmpp: { tcp: { listen: "127.0.0.1:0" }, accounts } },
  });
});

afterAll(() => gateway.close());

async function publish(topic: string, numbers: readonly number[]): Promise<void> {
  for (const data of numbers) await gateway.publisher.publish({ topic, data });
}

/** As much of a DOM element as is used here. */
interface StanzaElement {
  readonly outerHTML?: string;
  getElementsByTagName(
    name: string,
  ): Iterable<{ readonly textContent: string }> & ArrayLike<{ readonly textContent: string }>;
}

/** One stock client, as far as these tests use it. */
interface Stock {
  /** Logs in, says that it is there, subscribes. */
  start(node: string): Promise<void>;
  stop(): Promise<void>;
  readonly data: readonly unknown[];
}

const bosh = (): string => `${gateway.url}/realtime/http-bind`;
const websocket = (): string => `${gateway.url.replace("http", "ws")}/realtime/xmpp`;

class StropheClient implements Stock {
  readonly data: unknown[] = [];
  readonly #connection: InstanceType<typeof Strophe.Connection>;
  readonly #resource: string;
  #status = 0;

  constructor(service: string, resource: string) {
    this.#connection = new Strophe.Connection(service);
    this.#resource = resource;
  }

  async start(node: string): Promise<void> {
    const connection = this.#connection;
    connection.addHandler(
      (message: StanzaElement) => {
        for (const json of Array.from(message.getElementsByTagName("json"))) {
          this.data.push((JSON.parse(json.textContent) as { data: unknown }).data);
        }
        return true;
      },
      null,
      "message",
    );
    connection.connect(`strophe@localhost/${this.#resource}`, "pencil", (status: number) => {
      this.#status = status;
      return undefined;
    });
    await until("a login", () => this.#status === Strophe.Status.CONNECTED);
    connection.send($pres());
    const iq = $iq({ type: "set", to: SERVICE })
      .c("pubsub", { xmlns: PUBSUB })
      .c("subscribe", { node, jid: connection.jid });
    await new Promise<void>((resolve, reject) => {
      connection.sendIQ(
        iq,
        () => resolve(),
        (error: StanzaElement | null) => reject(new Error(error?.outerHTML ?? "timeout")),
      );
    });
  }

  async stop(): Promise<void> {
    this.#connection.disconnect("done");
    await until("the end", () => this.#status === Strophe.Status.DISCONNECTED);
  }
}

class StanzaClient implements Stock {
  readonly data: unknown[] = [];
  readonly #client: ReturnType<typeof createClient>;

  constructor(transports: { readonly websocket?: string; readonly bosh?: string }, resource: string) {
    const { websocket: ws = false, bosh: http = false } = transports;
    const login = { jid: "stanza@localhost", password: "pencil", server: "localhost", resource };
    this.#client = createClient({ ...login, transports: { websocket: ws, bosh: http }, autoReconnect: false });
    this.#client.on("pubsub:published", ({ pubsub }) => {
      for (const { content } of pubsub.items.published ?? []) {
        this.data.push((content as unknown as { json: { data: unknown } }).json.data);
      }
    });
  }

  async start(node: string): Promise<void> {
    const client = this.#client;
    const started = new Promise((resolve) => client.once("session:started", resolve));
    client.connect();
    await started;
    client.sendPresence();
    await client.subscribeToNode(SERVICE, { node, useBareJID: false } as { node: string });
  }

  async stop(): Promise<void> {
    const stopped = new Promise((resolve) => this.#client.once("disconnected", resolve));
    this.#client.disconnect();
    await stopped;
  }
}

const CLIENTS: readonly (readonly [name: string, create: (resource: string) => Stock])[] = [
  ["strophe.js by WebSocket", (resource) => new StropheClient(websocket(), resource)],
  ["strophe.js by BOSH", (resource) => new StropheClient(bosh(), resource)],
  ["stanza by WebSocket", (resource) => new StanzaClient({ websocket: websocket() }, resource)],
  ["stanza by BOSH", (resource) => new StanzaClient({ bosh: bosh() }, resource)],
];

describe.each(CLIENTS)("%s", (name, create) => {
  test("100 events in order, away in the middle, nothing missed", async () => {
    Object.assign(globalThis, { XMLHttpRequest: FetchRequest });
    const topic = `orders/${name.replaceAll(" ", "-")}`;
    const first = create(name);
    await first.start(topic);
    await publish(topic, range(0, 40));
    await until("the first part", () => first.data.length >= 40);
    await first.stop();
    await publish(topic, range(40, 70));
    const second = create(name);
    await second.start(topic);
    await publish(topic, range(70, 100));
    await until("the rest", () => second.data.includes(99));
    await second.stop();
    // What had not been acknowledged may come again.
    expect([...new Set([...first.data, ...second.data])]).toEqual(range(0, 100));
  });
});

describe("strophe.js by BOSH", () => {
  test("requests that break while they are held lose nothing", async () => {
    Object.assign(globalThis, { XMLHttpRequest: FetchRequest });
    const client = new StropheClient(bosh(), "breaking");
    await client.start("orders/breaking");
    for (const n of range(0, 50)) {
      await publish("orders/breaking", [n]);
      if (n % 10 === 5) FetchRequest.cut();
    }
    await until("all", () => client.data.length >= 50);
    await client.stop();
    expect(client.data).toEqual(range(0, 50));
  });
});

/** The one that Debian's packages are for. */
const PYTHON = "/usr/bin/python3";
const hasSlixmpp = (() => {
  try {
    execFileSync(PYTHON, ["-c", "import slixmpp"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

// Debian's package; without it there is nothing to test with.
describe.skipIf(!hasSlixmpp)("slixmpp by TCP", () => {
  test("100 events in order, away in the middle, nothing missed", async () => {
    const first = readWithSlixmpp(39);
    await first.subscribed;
    await publish("orders/slixmpp", range(0, 40));
    const early = await first.read;
    await publish("orders/slixmpp", range(40, 100));
    const late = await readWithSlixmpp(99).read;
    expect([...new Set([...early, ...late])]).toEqual(range(0, 100));
  });
});

/** Reads until an event has these data. */
function readWithSlixmpp(last: number): { readonly subscribed: Promise<void>; readonly read: Promise<number[]> } {
  const script = fileURLToPath(new URL("slixmpp-reader.py", import.meta.url));
  const port = String(gateway.gateway.xmppPorts[0]);
  const process = spawn(PYTHON, [script, port, "orders/slixmpp", String(last)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const subscribed = new Promise<void>((resolve) => process.stderr.on("data", () => resolve()));
  let text = "";
  process.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const read = new Promise<number[]>((resolve, reject) => {
    process.once("error", reject);
    process.once("close", () => resolve(text.trim().split("\n").map(Number)));
  });
  return { subscribed, read };
}
