import { readFileSync } from "node:fs";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Chromium } from "../client/support/chromium.ts";
import { CERTIFICATE_KEY_PATH, CERTIFICATE_PATH } from "../support/certificate.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { NEEDS, reasonToSkip, type Need } from "../support/needs.ts";
import { TestGateway } from "../support/test-gateway.ts";
import { until } from "../support/until.ts";
import { ConverseClient, ConverseSite } from "./xmpp/converse.ts";
import { aioxmppByTcp, slixmppByTcp } from "./xmpp/python.ts";
import { stanzaByBosh, stanzaByWebSocket } from "./xmpp/stanza.ts";
import { PASSWORD, type Place, type StockClient, type StockClientFactory } from "./xmpp/stock-client.ts";
import { stropheByBosh, stropheByWebSocket } from "./xmpp/strophe.ts";
import { xmppJsByTcp, xmppJsByWebSocket } from "./xmpp/xmppjs.ts";

let site: ConverseSite;
let gateway: TestGateway;
let chromium: Chromium | null = null;
const proxies: CuttingProxy[] = [];
const clients: StockClient[] = [];

const converse =
  (binding: "websocket" | "bosh"): StockClientFactory =>
  (place, node) =>
    new ConverseClient(chromium as Chromium, place, node, binding);

/** How a client comes back. Who logs in again, or counts too little of what it got, gets some of it once more. */
type Return = "resumes" | "resumes, having counted too little" | "logs in again" | "repeats its requests";

/** Every client of the three bindings, on every binding that it has. */
const CLIENTS: readonly (readonly [name: string, create: StockClientFactory, back: Return, need: Need | null])[] = [
  ["@xmpp/client by TCP", xmppJsByTcp, "resumes, having counted too little", null],
  ["slixmpp by TCP", slixmppByTcp, "resumes", NEEDS.slixmpp],
  ["aioxmpp by TCP", aioxmppByTcp, "resumes", NEEDS.aioxmpp],
  ["@xmpp/client by WebSocket", xmppJsByWebSocket, "resumes, having counted too little", null],
  ["strophe.js by WebSocket", stropheByWebSocket, "logs in again", null],
  ["stanza by WebSocket", stanzaByWebSocket, "resumes", null],
  ["Converse.js by WebSocket", converse("websocket"), "resumes", NEEDS.chromium],
  ["strophe.js by BOSH", stropheByBosh, "repeats its requests", null],
  ["stanza by BOSH", stanzaByBosh, "repeats its requests", null],
  ["Converse.js by BOSH", converse("bosh"), "repeats its requests", NEEDS.chromium],
];

beforeAll(async () => {
  setDefaultCACertificates([...getCACertificates("default"), readFileSync(CERTIFICATE_PATH, "utf8")]);
  site = await ConverseSite.start();
  const names = ["xmppjs", "slixmpp", "aioxmpp", "strophe", "stanza", "converse"];
  const accounts = names.map((name) => ({ name, password: PASSWORD, read: ["orders/**"] }));
  const tls = { cert: CERTIFICATE_PATH, key: CERTIFICATE_KEY_PATH };
  gateway = await TestGateway.startWithSqlite({
    app: site.url,
    access: { public: ["public/**"] },
    transports: { xmpp: { tcp: { listen: "127.0.0.1:0", tls }, accounts } },
  });
  if (NEEDS.chromium.find() !== null) chromium = await Chromium.start();
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.stop();
  for (const proxy of proxies.splice(0)) await proxy.close();
});

afterAll(async () => {
  await chromium?.close();
  await gateway.close();
  await site.close();
});

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

async function publish(topic: string, numbers: readonly number[]): Promise<void> {
  for (const data of numbers) await gateway.publisher.publish({ topic, data });
}

/** The gateway's listeners, each behind a proxy that can cut them off. */
async function placeBehind(): Promise<Place> {
  const ports = [gateway.gateway.xmppPorts[0] as number, Number(new URL(gateway.url).port)];
  proxies.push(...(await Promise.all(ports.map((port) => CuttingProxy.start(port)))));
  const [tcp, http] = proxies as [CuttingProxy, CuttingProxy];
  return { tcpPort: tcp.port, url: `http://127.0.0.1:${http.port}` };
}

describe.each(CLIENTS)("%s", (name, create, back, need) => {
  const skipped = need === null ? null : reasonToSkip(need);
  const title = `100 events in order, cut off in the middle, ${back}, nothing missed`;

  test.skipIf(skipped !== null)(skipped === null ? title : `${title} (skipped: ${skipped})`, async () => {
    const topic = `orders/${name.replaceAll(" ", "-")}`;
    const client = create(await placeBehind(), topic);
    clients.push(client);
    await client.start();
    await publish(topic, range(0, 40));
    await until("the first part", () => client.data.includes(39));
    const underWay = publish(topic, range(40, 60));
    expect(proxies.reduce((count, proxy) => count + proxy.cut(), 0)).toBeGreaterThan(0);
    await underWay;
    await publish(topic, range(60, 70));
    expect(client.data).not.toContain(69);
    for (const proxy of proxies) proxy.heal();
    await client.comeBack();
    await publish(topic, range(70, 100));
    await until("the last one", () => client.data.includes(99));
    const mayRepeat = back === "logs in again" || back === "resumes, having counted too little";
    expect(mayRepeat ? [...new Set(client.data)] : client.data).toEqual(range(0, 100));
  });
});
