import { request } from "undici";
import { describe, expect, test } from "vitest";
import { answerOf, type Answer } from "../support/publisher.ts";
import { freshTopic } from "../support/topics.ts";
import { describeConformance } from "./describe-conformance.ts";
import { longPolling } from "./drivers/long-polling.ts";
import { useGateway } from "./use.ts";

describeConformance(longPolling);

describe("long polling alone", () => {
  const gateway = useGateway();
  const short = useGateway({ transports: { "long-polling": { max_wait: "1s" } } });

  test.each([
    ["Prefer: wait=20", "", { prefer: "wait=20" }],
    ["Prefer among others", "", { prefer: "respond-async, wait=20; foo=1" }],
    ["wait=20", "&wait=20", {}],
    ["transport=long-polling", "&transport=long-polling&wait=20", {}],
  ])("%s: answers as soon as there is an event", async (_name, query, headers) => {
    const topic = freshTopic();
    const after = (await gateway.current.get(`/realtime/events?topic=${topic}`)).json()["cursor"] as string;
    const polling = gateway.current.get(`/realtime/events?topic=${topic}&after=${after}${query}`, headers);
    await gateway.current.untilConnections("long-polling", 1);
    const [event] = await gateway.current.publisher.publish({ topic, data: 1 });
    const answer = await polling;
    expect(answer.status).toBe(200);
    expect(answer.headers["preference-applied"]).toBe("wait=20");
    expect(answer.headers["cache-control"]).toContain("no-store");
    expect(answer.headers["link"]).toMatch(/rel="next"/);
    expect(answer.json()).toMatchObject({ events: [{ data: 1 }], cursor: event?.cursor });
  });

  test("events that are there already are answered at once, in pages", async () => {
    const topic = freshTopic();
    await gateway.current.publisher.publish(...Array.from({ length: 30 }, (_, data) => ({ topic, data })));
    const answer = await gateway.current.get(`/realtime/events?topic=${topic}&after=earliest&limit=10&wait=60`);
    expect(answer.json()["events"]).toHaveLength(10);
  });

  test("with nothing new: an empty page after the wait, whose cursor has kept up with the log", async () => {
    const topic = freshTopic();
    const polling = gateway.current.get(`/realtime/events?topic=${topic}`, { prefer: "wait=1" });
    await gateway.current.untilConnections("long-polling", 1);
    const [other] = await gateway.current.publisher.publish({ topic: freshTopic(), data: 1 });
    const answer = await polling;
    expect([answer.status, answer.headers["preference-applied"]]).toEqual([200, "wait=1"]);
    expect(answer.json()).toEqual({ events: [], cursor: other?.cursor });
    expect(answer.headers["etag"]?.replace(/^W\//, "")).toBe(`"${other?.cursor}"`);
  });

  test("a wait beyond the operator's is cut to it, and said so", async () => {
    const path = `/realtime/events?topic=${freshTopic()}`;
    const answer = await short.current.get(path, { prefer: "wait=60" });
    expect([answer.status, answer.headers["preference-applied"]]).toEqual([200, "wait=1"]);
    expect(answer.json()["events"]).toEqual([]);
  });

  test.each(["0", "61", "-1", "1.5", "soon", ""])("wait=%s: 400", async (wait) => {
    const answer = await gateway.current.get(`/realtime/events?topic=a&wait=${wait}`);
    expect([answer.status, answer.json()["code"]]).toEqual([400, "invalid-parameter"]);
  });

  test("a client that goes away frees everything at once", async () => {
    const leaving = new AbortController();
    const requests = [1, 2, 3].map(() =>
      request(`${gateway.current.url}/realtime/events?topic=${freshTopic()}&wait=60`, { signal: leaving.signal })
        .then(answerOf)
        .catch((error: unknown) => (error as Error).name),
    );
    await gateway.current.untilConnections("long-polling", 3);
    leaving.abort();
    await gateway.current.untilConnections("long-polling", 0);
    expect(await Promise.all(requests)).toEqual(["AbortError", "AbortError", "AbortError"]);
  });

  test("many that wait for the same topic are all answered, each with the same bytes", async () => {
    const topic = freshTopic();
    const polling: Promise<Answer>[] = Array.from({ length: 50 }, () =>
      gateway.current.get(`/realtime/events?topic=${topic}&wait=20`),
    );
    await gateway.current.untilConnections("long-polling", 50);
    await gateway.current.publisher.publish({ topic, data: 1 }, { topic, data: 2 });
    const bodies = new Set((await Promise.all(polling)).map(({ text }) => text));
    expect(bodies.size).toBe(1);
    expect(JSON.parse([...bodies][0] as string).events).toMatchObject([{ data: 1 }, { data: 2 }]);
  });

  test("HEAD answers without a body", async () => {
    const answer = await gateway.current.get(`/realtime/events?topic=${freshTopic()}&wait=1`, {}, "HEAD");
    expect([answer.status, answer.text]).toEqual([200, ""]);
  });
});
