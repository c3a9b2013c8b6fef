import { generateKeyPairSync } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import { RawConnection } from "../support/raw-connection.ts";
import { TestGateway } from "../support/test-gateway.ts";
import { SECRET, signToken, tokenFor } from "../support/tokens.ts";
import type { Settings } from "../support/settings.ts";

const gateways: TestGateway[] = [];

afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.close();
});

async function start(settings: Settings): Promise<TestGateway> {
  const gateway = await TestGateway.start(settings);
  gateways.push(gateway);
  return gateway;
}

const read = "/realtime/events?topic=closed/a";
const bearer = (token: string): Readonly<Record<string, string>> => ({ authorization: `Bearer ${token}` });
const inAnHour = Math.floor(Date.now() / 1000) + 3600;

describe("tokens", () => {
  test("a public key is no HMAC secret", async () => {
    const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const pem = publicKey.export({ type: "spki", format: "pem" }) as string;
    const gateway = await start({ access: { public: ["open"], jwt: { public_key: pem } } });
    const claims = { exp: inAnHour, sluice: { read: ["**"] } };
    for (const secret of [pem, pem.trim()]) {
      expect((await gateway.get(read, bearer(signToken(claims, { secret })))).status).toBe(401);
    }
  });

  test("a key that the token brings along is not taken", async () => {
    const gateway = await start({ access: { public: ["open"], jwt: { secret: SECRET } } });
    const secret = "a secret that the attacker has made up";
    const jwk = { kty: "oct", k: Buffer.from(secret).toString("base64url") };
    const claims = { exp: inAnHour, sluice: { read: ["**"] } };
    for (const header of [
      { jwk },
      { jku: "http://127.0.0.1:9/keys" },
      { x5u: "http://127.0.0.1:9/cert" },
      { kid: "../../dev/null" },
    ]) {
      expect((await gateway.get(read, bearer(signToken(claims, { secret, header })))).status).toBe(401);
    }
  });

  test("aud and iss count where they are configured", async () => {
    const jwt = { secret: SECRET, audience: "sluice", issuer: "https://id.example" };
    const gateway = await start({ access: { public: ["open"], jwt } });
    const grants = { exp: inAnHour, sluice: { read: ["**"] } };
    const status = async (claims: object): Promise<number> =>
      (await gateway.get(read, bearer(signToken({ ...grants, ...claims })))).status;
    expect(await status({ aud: "sluice", iss: "https://id.example" })).toBe(200);
    expect(await status({ aud: ["other", "sluice"], iss: "https://id.example" })).toBe(200);
    for (const claims of [
      {},
      { aud: "sluice" },
      { iss: "https://id.example" },
      { aud: "other", iss: "https://id.example" },
    ]) {
      expect(await status(claims)).toBe(401);
    }
  });

  test("several tokens at once don't add up to more than one of them", async () => {
    const gateway = await start({ access: { public: ["open"], jwt: { secret: SECRET, cookie: "session" } } });
    const headers = {
      ...bearer(tokenFor({ read: ["closed/a"] })),
      cookie: `session=${tokenFor({ read: ["closed/b"] })}`,
    };
    expect((await gateway.get(`${read}&topic=closed/b`, headers)).status).toBe(403);
  });
});

describe("the admin listener", () => {
  test("does not answer a page whose name was bent to point at it", async () => {
    const gateway = await start({});
    const connection = await RawConnection.open(gateway.adminUrl);
    const body = '{"topic":"a","data":1}';
    connection.send(
      `POST /events HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
    expect(await connection.untilClosed()).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect((await gateway.get("/realtime/events?topic=a&after=earliest")).json()["events"]).toEqual([]);
  });

  test("does not take events from a page of another origin", async () => {
    const gateway = await start({});
    const answer = await gateway.publisher.send('{"topic":"a","data":1}', { origin: "https://evil.example" });
    expect(answer.status).toBe(403);
  });

  test("is not reached through the public one", async () => {
    const gateway = await start({});
    for (const path of [
      "/metrics",
      "/healthz",
      "/readyz",
      "/admin/state",
      "/events",
      "/realtime/../metrics",
      "/realtime/%2e%2e/metrics",
    ]) {
      expect([path, (await gateway.get(path)).status]).toEqual([path, 404]);
    }
  });
});

describe("what clients send is data", () => {
  test("line ends in attributes and parameters don't become headers", async () => {
    const gateway = await start({});
    const headers = { "content-type": "application/cloudevents+json" };
    const event = { specversion: "1.0", id: "a\r\nX-Evil: 1", source: "/", type: "t", subject: "a", data: 1 };
    expect((await gateway.publisher.send(JSON.stringify(event), headers)).status).toBe(422);
    const answer = await gateway.get("/realtime/events?topic=a&x=%0d%0aX-Evil:%201&callback=%0d%0a");
    expect(answer.headers["x-evil"]).toBeUndefined();
    expect(answer.headers["link"] ?? "").not.toMatch(/[\r\n]/);
  });

  test("__proto__ and constructor as names change nothing for others", async () => {
    const gateway = await start({});
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
      const [receipt] = await gateway.publisher.publish({ topic: name, data: 1, type: name, id: name });
      expect(receipt).not.toHaveProperty("duplicate");
      const page = (await gateway.get(`/realtime/events?topic=${name}&type=${name}&after=earliest`)).json();
      expect(page["events"]).toMatchObject([{ topic: name, type: name, id: name }]);
      expect((await gateway.get(`/realtime/events?topic=a&transport=${name}`)).status).toBe(400);
    }
    expect((await gateway.publisher.send('{"topic":"a","data":1,"__proto__":{"type":"x"}}')).status).toBe(422);
    expect(({} as Record<string, unknown>)["type"]).toBeUndefined();
  });

  test("filters that could make matching slow don't", async () => {
    const gateway = await start({});
    const topics = Array.from({ length: 100 }, (_, index) => `topic=${`*/`.repeat(1 + (index % 15))}**`);
    const answer = await gateway.get(`/realtime/events?${topics.join("&")}`);
    expect(answer.status).toBe(200);
    await gateway.publisher.publish(
      ...Array.from({ length: 1000 }, (_, data) => ({ topic: "a/".repeat(15) + "b", data })),
    );
    expect((await gateway.get(`/realtime/events?${topics.join("&")}&after=earliest`)).status).toBe(200);
  });
});
