import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { TestGateway } from "../../../test/support/test-gateway.ts";

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

  test("what there is not yet, and a port in use, are told in one line", async () => {
    const component = { service: "xmpp://127.0.0.1:5347", domain: "pubsub.example.org", secret: "s" };
    await expect(start({ component })).rejects.toThrow(/^transports\.xmpp\.component: .* leave it out$/);
    const server = createServer().listen(0, "127.0.0.1");
    closing.push(() => server.close());
    await once(server, "listening");
    const listen = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(start({ tcp: { listen } })).rejects.toThrow(
      /^can't listen as transports\.xmpp\.tcp says: it is in use/,
    );
  });
});
