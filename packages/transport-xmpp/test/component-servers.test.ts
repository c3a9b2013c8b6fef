import { client, xml, type Stanza, type XmppClient } from "@xmpp/client";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { NEEDS, reasonToSkip } from "../../../test/support/needs.ts";
import { ComponentRig, type RigOptions } from "./support/component-rig.ts";
import { until } from "./support/until.ts";
import { Ejabberd, Prosody, SECRET, type XmppHost } from "./support/xmpp-host.ts";
import { createLog } from "./support/xmpp-server.ts";

const PUBSUB = "http://jabber.org/protocol/pubsub";
const WATCHER = fileURLToPath(new URL("support/slixmpp-watcher.py", import.meta.url));
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

/** In the order in which they came first: an item may come twice. */
const firsts = (data: readonly unknown[]): unknown[] => [...new Set(data)];

/** @xmpp/client with what any client does that its user gives a contact: presence, and saying yes. */
class Stock {
  readonly stanzas: Stanza[] = [];
  readonly xmpp: XmppClient;
  #isOnline = false;

  /** @param sharesPresence whether it agrees that the service sees when it comes and goes */
  constructor(host: XmppHost, user: string, resource: string, sharesPresence = true) {
    const service = `xmpp://127.0.0.1:${host.clientPort}`;
    this.xmpp = client({ service, domain: "example.org", username: user, password: user, resource });
    this.xmpp.on("error", () => undefined);
    this.xmpp.on("online", () => {
      this.#isOnline = true;
      void this.xmpp.send(xml("presence"));
    });
    this.xmpp.on("stanza", (stanza) => {
      this.stanzas.push(stanza);
      if (!sharesPresence || !stanza.is("presence") || stanza.attrs["type"] !== "subscribe") return;
      void this.xmpp.send(xml("presence", { type: "subscribed", to: stanza.attrs["from"] ?? "" }));
    });
  }

  async start(): Promise<void> {
    // Its promise is that of the first connection, which a cut can break.
    void this.xmpp.start().catch(() => undefined);
    await until("a login", () => this.#isOnline);
  }

  async subscribe(node: string): Promise<void> {
    const subscription = xml("subscribe", { node, jid: this.xmpp.jid.bare().toString() });
    const iq = xml("iq", { type: "set", to: "pubsub.example.org" }, xml("pubsub", { xmlns: PUBSUB }, subscription));
    await this.xmpp.iqCaller.request(iq);
    await until("the wish for presence", () => this.stanzas.some(({ attrs }) => attrs["type"] === "subscribe"));
  }

  get data(): readonly unknown[] {
    return this.stanzas.flatMap((stanza) => {
      const items = stanza.getChild("event", `${PUBSUB}#event`)?.getChild("items");
      const json = items?.getChild("item")?.getChildText("json");
      return typeof json === "string" ? [(JSON.parse(json) as { data: unknown }).data] : [];
    });
  }

  /** Cuts the connection without a word. */
  cut(): void {
    const { socket } = this.xmpp;
    (socket?.socket ?? socket)?.destroy?.();
  }

  async stop(): Promise<void> {
    this.xmpp.reconnect.stop();
    await this.xmpp.stop().catch(() => undefined);
  }

  /** Is cut and does not come back. */
  vanish(): void {
    this.xmpp.reconnect.stop();
    this.cut();
  }
}

/** A slixmpp that can be killed. */
class Slixmpp {
  readonly data: unknown[] = [];
  isReady = false;
  readonly #process: ChildProcess;

  constructor(host: XmppHost, user: string, node?: string) {
    const words = [WATCHER, String(host.clientPort), user, ...(node === undefined ? [] : [node])];
    this.#process = spawn(NEEDS.slixmpp.find() ?? "python3", words, { stdio: ["ignore", "pipe", "inherit"] });
    let rest = "";
    this.#process.stdout?.on("data", (chunk: Buffer) => {
      const lines = (rest + String(chunk)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "ready") this.isReady = true;
        else this.data.push(Number(line));
      }
    });
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill("SIGKILL");
    await once(this.#process, "exit");
  }
}

const HOSTS = [
  ["Prosody", NEEDS.prosody, (): Promise<XmppHost> => Prosody.create()],
  ["ejabberd", NEEDS.ejabberd, (): Promise<XmppHost> => Ejabberd.create()],
] as const;

describe.each(HOSTS)("a component of %s", (_name, need, create) => {
  const reason = reasonToSkip(need);
  const isMissing = reason !== null;
  const closing: (() => unknown)[] = [];
  let host: XmppHost;

  beforeAll(async () => {
    if (isMissing) return;
    host = await create();
    await host.start();
  });

  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  });

  afterAll(() => (isMissing ? undefined : host.close()));

  async function joined(options: Partial<RigOptions> = {}): Promise<ComponentRig> {
    const rig = await ComponentRig.start({ port: host.componentPort, secret: SECRET, ...options });
    closing.push(async () => {
      expect(rig.errors).toEqual([]);
      await rig.stop();
    });
    await until("the link", () => rig.figures.state === "joined");
    return rig;
  }

  async function connected(user: string, resource = "desk", sharesPresence = true): Promise<Stock> {
    const stock = new Stock(host, user, resource, sharesPresence);
    closing.push(() => stock.stop());
    await stock.start();
    return stock;
  }

  test.skipIf(isMissing)("@xmpp/client: 100 events in order, a cut in the middle, nothing missed", async () => {
    const rig = await joined();
    const ann = await connected("ann");
    await ann.subscribe("public/a");
    await until("its presence", () => rig.figures.devices === 1);
    for (const n of range(0, 50)) await rig.publish("public/a", n);
    await until("the first", () => ann.data.length >= 10);
    ann.cut();
    for (const n of range(50, 100)) await rig.publish("public/a", n);
    await until("all", () => firsts(ann.data).length === 100);
    expect(firsts(ann.data)).toEqual(range(0, 100));
  });

  test.skipIf(isMissing || reasonToSkip(NEEDS.slixmpp) !== null)(
    "slixmpp, without stream management, is killed in the middle: what it has not had comes at its next login",
    async () => {
      const rig = await joined();
      const first = new Slixmpp(host, "bob", "public/b");
      closing.push(() => first.kill());
      await until("a login", () => first.isReady);
      for (const n of range(0, 50)) await rig.publish("public/b", n);
      await until("the first", () => first.data.length >= 10);
      for (const n of range(50, 100)) await rig.publish("public/b", n);
      await first.kill();
      await until("its going", () => rig.figures.devices === 0);
      for (const n of range(100, 120)) await rig.publish("public/b", n);
      const second = new Slixmpp(host, "bob");
      closing.push(() => second.kill());
      await until("all", () => firsts([...first.data, ...second.data]).length === 120);
      expect(firsts([...first.data, ...second.data])).toEqual(range(0, 120));
      expect(firsts(second.data)).toEqual(second.data);
    },
  );

  test.skipIf(isMissing)(
    "what a client that does not come back in time had not taken bounces, and comes again",
    async () => {
      const rig = await joined();
      const phone = await connected("carol", "phone");
      await phone.subscribe("public/c");
      await until("its presence", () => rig.figures.devices === 1);
      await rig.publish("public/c", 0);
      await until("the first", () => phone.data.length >= 1);
      phone.vanish();
      await rig.publish("public/c", ...range(1, 20));
      await until("the end of its hibernation", () => rig.figures.devices === 0);
      const desk = await connected("carol", "desk");
      await until("the rest", () => desk.data.includes(19));
      expect(firsts(desk.data).slice(-19)).toEqual(range(1, 20));
    },
  );

  test.skipIf(isMissing)("one that shares no presence gets what it missed when it subscribes again", async () => {
    const rig = await joined();
    const first = await connected("ivan", "desk", false);
    await first.subscribe("public/i");
    await rig.publish("public/i", ...range(0, 10));
    await until("the first", () => first.data.length >= 10);
    await first.stop();
    await rig.publish("public/i", ...range(10, 20));
    await until("the server's word that it is gone", () => rig.figures.devices === 0);
    const second = await connected("ivan", "desk", false);
    await second.subscribe("public/i");
    await until("what was missed", () => firsts([...first.data, ...second.data]).length === 20);
    expect(firsts([...first.data, ...second.data])).toEqual(range(0, 20));
  });

  test.skipIf(isMissing)("two subscribers, each from where it was", async () => {
    const rig = await joined();
    const [dave, erin] = [await connected("dave"), await connected("erin")];
    await dave.subscribe("public/d");
    await erin.subscribe("public/*");
    await until("both", () => rig.figures.devices === 2);
    await rig.publish("public/d", 1);
    await until("the first", () => dave.data.length >= 1 && erin.data.length >= 1);
    await erin.stop();
    await until("the going of one", () => rig.figures.devices === 1);
    await rig.publish("public/d", 2, 3);
    await rig.publish("public/e", 4);
    await until("what is live", () => firsts(dave.data).length === 3);
    const later = await connected("erin");
    await until("what was missed", () => later.data.includes(4));
    expect(firsts(later.data).slice(-3)).toEqual([2, 3, 4]);
    expect(firsts(dave.data)).toEqual([1, 2, 3]);
  });

  test.skipIf(isMissing)(
    "more than may be out at once; of a domain that is not the server's, by its own address",
    async () => {
      const rig = await joined({ domain: "localhost" });
      const kim = await connected("kim");
      await kim.subscribe("public/k");
      await until("its presence", () => rig.figures.devices === 1);
      // The link takes 2000 items before the server has to answer.
      for (const n of range(0, 25)) await rig.publish("public/k", ...range(n * 100, n * 100 + 100));
      await until("all", () => firsts(kim.data).length === 2500);
      expect(firsts(kim.data)).toEqual(range(0, 2500));
    },
  );

  test.skipIf(isMissing)("a user's odd XML, as the server relays it, does not cut the link for all", async () => {
    const rig = await joined();
    const judy = await connected("judy");
    const deep = range(0, 2000).reduce((inner) => xml("a", {}, inner), xml("a"));
    const wide = xml("a", {}, ...range(0, 20_000).map(() => xml("b")));
    for (const odd of [
      xml("xml:a", { "xml:b": "c" }),
      xml("a", { "xml:b": "c", "xmlns:q": "urn:q", "q:from": "d" }),
      deep,
      wide,
    ]) {
      await judy.xmpp.send(xml("message", { type: "chat", id: "odd", to: "pubsub.example.org" }, odd));
    }
    await judy.subscribe("public/j");
    expect(judy.stanzas.filter(({ attrs }) => attrs["id"] === "odd" && attrs["type"] === "error")).toHaveLength(4);
    expect(rig.figures.streams).toEqual({ joined: 1, unreachable: 0, refused: 0, broken: 0 });
  });

  test.skipIf(isMissing)("the gateway's restart: a client that stays gets all, and does nothing for it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sluice-component-"));
    closing.push(() => rm(folder, { recursive: true }));
    const lasting = { path: join(folder, "component.db"), log: createLog() };
    const first = await joined(lasting);
    const frank = await connected("frank");
    await frank.subscribe("public/f");
    await until("its presence", () => first.figures.devices === 1);
    await first.publish("public/f", 0);
    await until("the first", () => frank.data.length >= 1);
    await first.stop();
    const second = await ComponentRig.start({ port: host.componentPort, secret: SECRET, ...lasting });
    closing.push(() => second.stop());
    await second.publish("public/f", ...range(1, 50));
    await until("what was missed", () => firsts(frank.data).length >= 50);
    await second.publish("public/f", 50);
    await until("what is new", () => firsts(frank.data).length >= 51);
    expect(firsts(frank.data)).toEqual(range(0, 51));
  });

  test.skipIf(isMissing)("the server's restart: both come back by themselves, nothing is missed", async () => {
    const rig = await joined();
    const grace = await connected("grace");
    await grace.subscribe("public/g");
    await until("its presence", () => rig.figures.devices === 1);
    await rig.publish("public/g", ...range(0, 30));
    await until("the first", () => grace.data.length >= 1);
    await host.stop();
    await until("the cut", () => rig.figures.state !== "joined");
    await rig.publish("public/g", ...range(30, 60));
    await host.start();
    await until("all", () => firsts(grace.data).length === 60);
    expect(firsts(grace.data)).toEqual(range(0, 60));
  });

  test.skipIf(isMissing)(
    "a wrong secret, and no server at the start: told, and over when it is put right",
    async () => {
      const wrong = await ComponentRig.start({ port: host.componentPort, secret: "another" });
      closing.push(() => wrong.stop());
      await until("the refusal", () => wrong.figures.state === "refused");
      expect(wrong.lines).toEqual([
        "error: the XMPP server refuses the component: the secret or the domain is not as in the server's configuration (not-authorized)",
      ]);
      await host.stop();
      const early = await ComponentRig.start({ port: host.componentPort, secret: SECRET });
      closing.push(() => early.stop());
      await until("a try", () => early.figures.streams.unreachable >= 1);
      await host.start();
      await until("the link", () => early.figures.state === "joined");
      const heidi = await connected("heidi");
      await heidi.subscribe("public/h");
      await early.publish("public/h", 1);
      await until("an item", () => heidi.data.length >= 1);
    },
  );
});
