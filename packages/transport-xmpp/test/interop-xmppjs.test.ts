import { client, xml, type Stanza, type XmppClient } from "@xmpp/client";
import { afterEach, describe, expect, test, vi } from "vitest";
import { until } from "./support/until.ts";
import { XmppServer } from "./support/xmpp-server.ts";

const PUBSUB = "http://jabber.org/protocol/pubsub";
const stopping: (() => Promise<void>)[] = [];

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const stop of stopping.splice(0).toReversed()) await stop();
});

async function start(...options: Parameters<typeof XmppServer.start>): Promise<XmppServer> {
  const server = await XmppServer.start(...options);
  stopping.push(() => server.stop());
  return server;
}

/** A stock client, what came to it, and the data of the items among that. */
function connect(options: Readonly<Record<string, unknown>>): {
  xmpp: XmppClient;
  stanzas: Stanza[];
  data: () => unknown[];
} {
  const xmpp = client({ domain: "localhost", ...options });
  const stanzas: Stanza[] = [];
  xmpp.on("error", () => undefined);
  xmpp.on("stanza", (stanza) => stanzas.push(stanza));
  stopping.push(async () => {
    xmpp.reconnect.stop();
    await xmpp.stop();
  });
  const data = (): unknown[] => stanzas.flatMap((stanza) => dataOf(stanza));
  return { xmpp, stanzas, data };
}

function dataOf(stanza: Stanza): unknown[] {
  const json = stanza.getChild("event", `${PUBSUB}#event`)?.getChild("items")?.getChild("item")?.getChildText("json");
  return typeof json === "string" ? [(JSON.parse(json) as { data: unknown }).data] : [];
}

function subscribe(xmpp: XmppClient, node: string): Promise<Stanza> {
  const subscription = xml("subscribe", { node, jid: xmpp.jid.toString() });
  const iq = xml("iq", { type: "set", to: "pubsub.localhost" }, xml("pubsub", { xmlns: PUBSUB }, subscription));
  return xmpp.iqCaller.request(iq);
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

test("@xmpp/client, with a token where SCRAM is offered too: PLAIN by its name", async () => {
  const accounts = [{ name: "kitchen", password: "pencil", read: ["orders/**"], publish: [] }];
  const server = await start({ hasTls: true, accounts });
  const token = await server.token("ann", ["orders/**"]);
  // It takes no certificate of its user's.
  vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
  const { xmpp } = connect({
    service: `xmpps://127.0.0.1:${server.directPort}`,
    credentials: (authenticate: (credentials: object, mechanism: string) => Promise<void>) =>
      authenticate({ username: "whoever", password: token }, "PLAIN"),
  });
  await xmpp.start();
  expect(xmpp.jid.toString()).toMatch(/^ann@localhost\//);
});

const BINDINGS = [
  ["TCP", (server: XmppServer) => `xmpp://127.0.0.1:${server.tcpPort}`],
  ["WebSocket", (server: XmppServer) => server.websocketUrl],
] as const;

describe.each(BINDINGS)("@xmpp/client by %s", (_name, serviceOf) => {
  test("ANONYMOUS: 100 events in order, a cut in the middle, nothing missed", async () => {
    const server = await start();
    const { xmpp, data } = connect({ service: serviceOf(server) });
    await xmpp.start();
    await subscribe(xmpp, "public/a");
    for (const n of range(0, 50)) await server.publish("public/a", n);
    await until("the first half", () => data().length >= 50);
    await until("stream management", () => xmpp.streamManagement.enabled);
    const { id } = xmpp.streamManagement;
    let cuts = 0;
    xmpp.on("disconnect", () => (cuts += 1));
    const { socket } = xmpp;
    (socket?.socket ?? socket)?.destroy?.();
    socket?.end();
    await server.publish("public/a", ...range(50, 100));
    await until("the second half", () => new Set(data()).size >= 100);
    expect(cuts).toBe(1);
    // Items may come twice; the first of each come in order.
    expect([...new Set(data())]).toEqual(range(0, 100));
    expect(xmpp.streamManagement.id).toBe(id);
  });

  test("SCRAM: what came while away comes after the next login, with its delay", async () => {
    const accounts = [{ name: "ann", password: "pencil", read: ["orders/**"], publish: [] }];
    const server = await start({ accounts });
    const options = { service: serviceOf(server), username: "ann", password: "pencil", resource: "desk" };
    const first = connect(options);
    await first.xmpp.start();
    expect(first.xmpp.jid.toString()).toBe("ann@localhost/desk");
    await subscribe(first.xmpp, "orders/*");
    await server.publish("orders/1", "seen");
    await until("the first event", () => first.data().length === 1);
    first.xmpp.reconnect.stop();
    await first.xmpp.stop();
    await server.publish("orders/2", "missed");
    const second = connect(options);
    await second.xmpp.start();
    await second.xmpp.send(xml("presence"));
    await until("what was missed", () => second.data().includes("missed"));
    const missed = second.stanzas.find((stanza) => dataOf(stanza).includes("missed"));
    expect(missed?.getChild("delay", "urn:xmpp:delay")).toBeDefined();
  });
});
