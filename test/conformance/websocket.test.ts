import { describe, expect, test } from "vitest";
import { dataOf } from "../support/event-json.ts";
import { tokenFor } from "../support/tokens.ts";
import { describeConformance } from "./describe-conformance.ts";
import { connectWebSocket, websocket } from "./drivers/websocket.ts";
import { useGateway, useReaders } from "./use.ts";
import { guarded, openTopic, useWebSocket } from "./use-websocket.ts";

describeConformance(websocket);

describe("WebSocket: connecting", () => {
  const gateway = useGateway(guarded);
  const connect = useWebSocket();
  const track = useReaders();

  test("the welcome comes first, with a session, the log's newest cursor and the heartbeat in seconds", async () => {
    const [event] = await gateway.current.publisher.publish({ topic: openTopic(), data: 1 });
    const [one, two] = [await connect(gateway), await connect(gateway)];
    expect(one.messages[0]).toMatch(/^\{"op":"welcome",/);
    expect(one.ops[0]).toMatchObject({ cursor: event?.cursor, heartbeat: 25, session: expect.stringMatching(/./) });
    expect(one.ops[0]?.["session"]).not.toBe(two.ops[0]?.["session"]);
  });

  test("sluice.v1 is agreed on where it is offered, no extension is", async () => {
    const reader = await track(connectWebSocket({ url: gateway.current.url, topics: [] }, ["other", "sluice.v1"]));
    expect(reader.socket.protocol).toBe("sluice.v1");
    expect(reader.socket.extensions).toBe("");
    expect((await connect(gateway)).socket.protocol).toBe("");
  });

  test("topics, after and types in the URL subscribe at once; live ends the replay", async () => {
    const topic = openTopic();
    const receipts = await gateway.current.publisher.publish({ topic, data: 1 }, { topic, data: 2 });
    const reader = await connect(gateway, { topics: [topic], after: receipts[0]?.cursor });
    expect(await reader.op("live")).toMatchObject({ cursor: receipts[1]?.cursor });
    expect(dataOf(reader.inbox.events)).toEqual([2]);
  });

  test("a cookie opens the door only to pages of an allowed origin", async () => {
    const cookie = `session=${tokenFor({ read: ["closed/**"] })}`;
    const options = { url: gateway.current.url, topics: ["closed/a"] };
    for (const origin of ["https://evil.example", "null"]) {
      const answer = await websocket.refusal({ ...options, headers: { cookie, origin } });
      expect([answer.status, answer.json()["code"]]).toEqual([403, "forbidden"]);
    }
    expect((await websocket.refusal({ ...options, headers: { cookie } })).status).toBe(403);
    await connect(gateway, { ...options, headers: { cookie, origin: gateway.current.url } });
  });
});
