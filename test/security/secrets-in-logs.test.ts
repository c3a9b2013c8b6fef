import { afterAll, beforeAll, expect, test } from "vitest";
import { drivers } from "../conformance/drivers/index.ts";
import { connectWebSocket } from "../conformance/drivers/websocket.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { RawConnection } from "../support/raw-connection.ts";
import { SECRET, signToken, tokenFor } from "../support/tokens.ts";

const KEY = "the-admin-key-of-this-test";
const PAYLOAD = "a-payload-that-is-nobodys-business";
const COOKIE = "a-cookie-that-is-nobodys-business";

let gateway: GatewayProcess | undefined;

beforeAll(async () => {
  gateway = await GatewayProcess.start({
    access: { public: ["open/**"], jwt: { secret: SECRET, cookie: "session" } },
    admin: { key: KEY },
    logging: { level: "trace", format: "json" },
    limits: { event: "1KiB" },
  });
});

afterAll(() => gateway?.close());

test("no token, cookie, key or payload gets into the logs, even at trace and with faults of every kind", async () => {
  if (gateway === undefined) throw new Error("The gateway has not been started");
  const { url, adminUrl, publisher } = gateway;
  const good = tokenFor({ read: ["**"], publish: ["**"] });
  const tokens = [
    good,
    signToken({ exp: 1 }),
    signToken({}, { secret: "wrong-secret-but-it-is-long-enough" }),
    `x.${PAYLOAD}.y`,
  ];
  for (const token of tokens) {
    for (const driver of drivers) {
      const ways = [
        { accessToken: token },
        { headers: { authorization: `Bearer ${token}` } },
        { headers: { cookie: `session=${token}; other=${COOKIE}`, origin: url } },
      ];
      for (const way of ways) {
        const options = { url, topics: ["closed/a", "closed/b"], ...way };
        if (token === good) {
          const reader = await driver.connect(options);
          reader.cut();
        } else {
          await driver.refusal({ ...options, query: `callback=${PAYLOAD}` });
        }
      }
    }
  }
  const authorization = { authorization: `Bearer ${KEY}` };
  await publisher.send(JSON.stringify({ topic: "open/a", data: PAYLOAD }), authorization);
  await publisher.send(`{"topic":"open/a","data":"${PAYLOAD}" broken`, authorization);
  await publisher.send(JSON.stringify({ topic: "open/a", data: PAYLOAD.repeat(100) }), authorization);
  await publisher.send("{}", { authorization: `Bearer ${KEY}-wrong` });
  const reader = await connectWebSocket({ url, topics: ["open/a"] });
  reader.send({ op: "auth", ref: 1, token: good });
  reader.send({ op: "auth", ref: 2, token: tokens[1] });
  reader.send({ op: "publish", ref: 3, events: [{ topic: "open/a", data: PAYLOAD }] });
  reader.send(`{"op":"${PAYLOAD}`);
  await reader.op("published", 3);
  reader.cut();
  const broken = await RawConnection.open(url);
  broken.send(`GET /realtime/events?access_token=${good} HTTP/1.1\r\nCookie: ${COOKIE}\r\nbroken ${PAYLOAD}\r\n\r\n`);
  await broken.untilClosed();
  await fetch(`${adminUrl}/nothing?key=${KEY}`, { headers: authorization });
  const state = await (await fetch(`${adminUrl}/admin/state`, { headers: authorization })).text();
  await gateway.kill("SIGTERM");

  const { output } = gateway;
  expect(output).toContain('"ready"');
  for (const secret of [
    ...tokens.map((token) => token.split(".").at(-1) as string).filter((part) => part.length > 8),
    SECRET,
    KEY,
    PAYLOAD,
    COOKIE,
  ]) {
    expect(output).not.toContain(secret);
    expect(state).not.toContain(secret);
  }
});
