import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { request } from "undici";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { ScriptedServer, streamError } from "../../../packages/transport-xmpp/test/support/scripted-server.ts";
import { TestGateway } from "../../../test/support/test-gateway.ts";
import { until } from "../../../test/support/until.ts";

const OPEN = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>";
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function start(xmpp: Readonly<Record<string, unknown>>, others = {}): Promise<TestGateway> {
  const gateway = await TestGateway.start({ transports: { ...others, xmpp: { tcp: false, ...xmpp } } });
  closing.push(() => gateway.close());
  return gateway;
}

/** Opens a WebSocket; what it says first, or the status of the refusal. */
function firstOf(url: string, protocols: readonly string[], text: string): Promise<string | number> {
  const socket = new WebSocket(url.replace("http", "ws"), [...protocols]);
  closing.push(() => socket.terminate());
  return new Promise((resolve, reject) => {
    socket.once("open", () => socket.send(text));
    socket.once("message", (data: Buffer) => resolve(data.toString()));
    socket.once("unexpected-response", (_request, response) => resolve(response.statusCode ?? 0));
    socket.once("error", reject);
  });
}

describe("XMPP in the gateway", () => {
  test.each([true, false])(
    "two kinds of WebSocket, each with its subprotocol; the gateway's own on: %s",
    async (on) => {
      const { url } = await start({}, { websocket: on });
      expect(await firstOf(`${url}/realtime/xmpp`, ["xmpp"], OPEN)).toContain("<open ");
      expect(await firstOf(`${url}/realtime/xmpp`, ["sluice.v1"], OPEN)).toBe(400);
      expect(await firstOf(`${url}/realtime/xmpp`, [], OPEN)).toBe(400);
      const own = await firstOf(`${url}/realtime/events?topic=a`, ["sluice.v1"], "{}");
      if (on) expect(own).toContain(`"op":"welcome"`);
      else expect(own).toBe(406);
    },
  );

  test("without an upgrade, and by another method, it says what it wants", async () => {
    const gateway = await start({});
    expect((await gateway.get("/realtime/xmpp")).status).toBe(426);
    expect((await gateway.get("/http-bind")).status).toBe(405);
    const off = await start({ bosh: false, websocket: false });
    expect((await off.get("/realtime/xmpp")).status).toBe(404);
    expect((await off.get("/http-bind")).status).toBe(404);
  });

  test("a component of another server: shown as long as it is one, and left in order", async () => {
    const server = await ScriptedServer.start();
    closing.push(() => server.stop());
    const { secret, port } = server;
    const component = { service: `xmpp://127.0.0.1:${port}`, domain: "pubsub.example.org", secret };
    const gateway = await start({ component });
    const metrics = async (): Promise<string> => (await request(`${gateway.adminUrl}/metrics`)).body.text();
    const state = async (): Promise<unknown> => {
      const { body } = await request(`${gateway.adminUrl}/admin/state`);
      return ((await body.json()) as { xmpp_component: unknown }).xmpp_component;
    };
    await server.waitJoined();
    await until("the metrics", async () => (await metrics()).includes("sluice_xmpp_component_joined 1"));
    expect(await state()).toEqual({ state: "joined", detail: null, users: 0, devices: 0 });
    server.refusal = streamError("conflict");
    server.cut();
    await until("a refusal", async () => (await metrics()).includes('streams_total{outcome="refused"} 1'));
    expect(await metrics()).toContain("sluice_xmpp_component_joined 0");
    expect(await state()).toEqual({ state: "refused", detail: "conflict", users: 0, devices: 0 });
    server.refusal = null;
    await server.waitJoined(2);
    await gateway.gateway.drain();
    expect(server.text.endsWith("</stream:stream>")).toBe(true);
  });

  test("a port in use is told in one line", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    closing.push(() => server.close());
    await once(server, "listening");
    const listen = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(start({ tcp: { listen } })).rejects.toThrow(
      /^can't listen as transports\.xmpp\.tcp says: it is in use/,
    );
  });
});
