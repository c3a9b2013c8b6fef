import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startGateway, interest, type Gateway } from "./support/gateway.ts";
import { bodyOfResponse, RawClient } from "./support/raw-client.ts";

let gateway: Gateway;

beforeEach(async () => {
  gateway = await startGateway({ transports: [] });
});

afterEach(() => gateway.close());

interface Answer {
  readonly status: number;
  readonly body: {
    events?: { id: string; cursor: string; duplicate?: true }[];
    code?: string;
    index?: number;
    field?: string;
  };
  readonly headers: Headers;
}

async function post(
  body: string | Uint8Array<ArrayBuffer>,
  type: string | null = "application/json",
  headers: Record<string, string> = {},
): Promise<Answer> {
  const init = { method: "POST", headers: { ...(type === null ? {} : { "content-type": type }), ...headers } };
  const payload = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const response = await fetch(`${gateway.origin}/realtime/events`, { ...init, body: payload });
  return { status: response.status, body: (await response.json()) as Answer["body"], headers: response.headers };
}

/** The JSON of all events of a topic, as any reader gets it. */
async function stored(topic: string): Promise<string[]> {
  const page = await gateway.bus.read(interest(topic), "earliest", 1000);
  return page.events.map(({ json }) => json);
}

describe("JSON", () => {
  test("one event", async () => {
    const { status, body } = await post(
      '{"topic":"orders/42","type":"order.ready","id":"A_1","time":"2026-01-02T03:04:05Z","data":{"pizza":"margherita"}}',
    );
    expect(status).toBe(201);
    const cursor = body.events?.[0]?.cursor ?? "";
    expect(body).toEqual({ events: [{ id: "A_1", cursor }] });
    expect(await stored("orders/42")).toEqual([
      `{"id":"A_1","topic":"orders/42","type":"order.ready","time":"2026-01-02T03:04:05Z","cursor":"${cursor}","data":{"pizza":"margherita"}}`,
    ]);
  });

  test("the data reaches readers as it was written", async () => {
    const data =
      '{"__proto__":1,"big":12345678901234567890.10,"e":1e400,"lone":"\\ud800","dup":1,"dup":2,"s":"\\u0041\\/"}';
    expect((await post(`{"topic":"t","data":${data}}`)).status).toBe(201);
    expect((await stored("t"))[0]).toContain(`"data":${data}}`);
  });

  test("a batch, in order and all or none", async () => {
    const { status, body } = await post('[{"topic":"t","data":1},{"topic":"t","data":2},{"topic":"u","data":3}]');
    expect([status, body.events?.length]).toEqual([201, 3]);
    expect((await stored("**")).map((json) => JSON.parse(json).data)).toEqual([1, 2, 3]);
    const refused = await post('[{"topic":"t","data":4},{"topic":"t/*","data":5}]');
    expect([refused.status, refused.body]).toEqual([
      422,
      expect.objectContaining({ code: "invalid-topic", index: 1, field: "topic" }),
    ]);
    expect(await stored("**")).toHaveLength(3);
  });

  test("a repeated id says so", async () => {
    const first = await post('{"topic":"t","id":"x","data":1}');
    const again = await post('{"topic":"t","id":"x","data":2}');
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.body.events).toEqual([{ ...first.body.events?.[0], duplicate: true }]);
    const mixed = await post('[{"topic":"t","id":"x","data":1},{"topic":"t","id":"y","data":1}]');
    expect([mixed.status, mixed.body.events?.map((event) => event.duplicate)]).toEqual([201, [true, undefined]]);
  });

  test.each([
    ["", 400, "invalid-json", {}],
    ["{", 400, "invalid-json", {}],
    ['{"topic":"t","data":NaN}', 400, "invalid-json", {}],
    ['{"topic":"t","data":1} x', 400, "invalid-json", {}],
    ["[]", 422, "invalid-event", {}],
    ["7", 422, "invalid-event", {}],
    ['{"data":1}', 422, "invalid-event", { field: "topic" }],
    ['{"topic":"t"}', 422, "invalid-event", { field: "data" }],
    ['{"topic":"$sys/x","data":1}', 422, "invalid-topic", { field: "topic" }],
    ['{"topic":"a//b","data":1}', 422, "invalid-topic", { field: "topic" }],
    ['[{"topic":"t","data":1,"id":"a b"}]', 422, "invalid-event", { field: "id", index: 0 }],
    ['{"topic":"t","data":1,"tpye":"x"}', 422, "invalid-event", { field: "tpye" }],
  ])("%s is %i %s", async (body, status, code, more) => {
    const answer = await post(body);
    expect([answer.status, answer.body]).toEqual([status, expect.objectContaining({ code, ...more })]);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(gateway.refused).toEqual([`publish ${code}`]);
  });

  test("invalid UTF-8 is 400, a byte order mark is passed over", async () => {
    const bytes = Buffer.from('{"topic":"t","data":"\xff"}', "latin1");
    expect((await post(new Uint8Array(bytes))).body.code).toBe("invalid-json");
    expect((await post('\ufeff{"topic":"t","data":1}')).status).toBe(201);
  });

  test("deep nesting is no danger", async () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    expect((await post(`{"topic":"t","data":${deep}}`)).status).toBe(201);
  });
});

describe("limits", () => {
  test("an event over the limit is 413 and names where", async () => {
    gateway.setLimits({ eventBytes: 10 });
    expect((await post('{"topic":"t","data":"12345678"}')).status).toBe(201);
    const { status, body } = await post('[{"topic":"t","data":1},{"topic":"t","data":"é234567é"}]');
    expect([status, body]).toEqual([413, expect.objectContaining({ code: "too-large", index: 1, field: "data" })]);
  });

  test("a body over the limit is 413, and the connection goes on", async () => {
    gateway.setLimits({ publishBodyBytes: 1000 });
    const large = `{"topic":"t","data":"${"x".repeat(100_000)}"}`;
    expect((await post(large)).body.code).toBe("too-large");
    const client = new RawClient(gateway.port);
    const head = "POST /realtime/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    client.send(`${head}Transfer-Encoding: chunked\r\n\r\n${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`);
    const small = '{"topic":"t","data":1}';
    client.send(`${head}Content-Length: ${small.length}\r\n\r\n${small}`);
    const text = await client.holds("HTTP/1.1 201");
    expect(text.indexOf("HTTP/1.1 413")).toBe(0);
    client.destroy();
  });

  test("a body that breaks off is not published", async () => {
    const client = new RawClient(gateway.port);
    const head =
      "POST /realtime/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n";
    client.send(`${head}{"topic":"t","data":1}`);
    client.socket.end();
    expect(bodyOfResponse(await client.closed())).toMatchObject({ code: "bad-request" });
    expect(await stored("t")).toEqual([]);
    expect(gateway.errors).toEqual([]);
  });
});

describe("media types", () => {
  const event = '{"topic":"t","data":1}';

  test.each(["text/plain", "application/xml", "application/json; charset=utf-16", "multipart/form-data; boundary=x"])(
    "%s is 415",
    async (type) => {
      const { status, body, headers } = await post(event, type);
      expect([status, body.code, headers.get("accept")]).toEqual([
        415,
        "unsupported-media-type",
        expect.stringContaining("application/json"),
      ]);
    },
  );

  test("none is 415, nor is one that is no media type taken", async () => {
    expect((await post(event, null)).status).toBe(415);
    expect((await post(event, "json")).body.code).toBe("unsupported-media-type");
  });

  test.each(["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'])("%s is taken", async (type) => {
    expect((await post(event, type)).status).toBe(201);
  });

  test("a compressed body is 415", async () => {
    const { status, headers } = await post(event, "application/json", { "content-encoding": "gzip" });
    expect([status, headers.get("accept-encoding")]).toEqual([415, "identity"]);
    expect((await post(event, "application/json", { "content-encoding": "identity" })).status).toBe(201);
  });
});

describe("CloudEvents", () => {
  const event = { specversion: "1.0", id: "c1", source: "/shop", type: "order.ready", subject: "orders/42" };
  const structured = (more: object): Promise<Answer> =>
    post(JSON.stringify({ ...event, ...more }), "application/cloudevents+json");

  test("structured", async () => {
    const text = `{"specversion":"1.0","id":"c1","source":"/shop","type":"order.ready","subject":"orders/42","time":"2026-01-02T03:04:05Z","data":{"n":1.0}}`;
    const { status, body } = await post(text, "application/cloudevents+json; charset=utf-8");
    expect(status).toBe(201);
    expect(await stored("orders/42")).toEqual([
      `{"id":"c1","topic":"orders/42","type":"order.ready","time":"2026-01-02T03:04:05Z","cursor":"${body.events?.[0]?.cursor}","data":{"n":1.0}}`,
    ]);
  });

  test("structured, with bytes, with text, and with nothing", async () => {
    await structured({ id: "b", data_base64: "AQID", datacontenttype: "image/png" });
    await structured({ id: "x", data: "<a/>", datacontenttype: "text/xml" });
    await structured({ id: "n" });
    await structured({ id: "j", data: "text", datacontenttype: "application/json" });
    expect(
      (await stored("orders/42")).map((json) => json.slice(json.indexOf('"cursor"')).replace(/"cursor":"[^"]*",/, "")),
    ).toEqual([
      '"datacontenttype":"image/png","data_base64":"AQID"}',
      `"datacontenttype":"text/xml","data_base64":"${Buffer.from("<a/>").toString("base64")}"}`,
      '"data":null}',
      '"data":"text"}',
    ]);
  });

  test("a batch", async () => {
    const batch = [event, { ...event, id: "c2", data: 2 }];
    expect((await post(JSON.stringify(batch), "application/cloudevents-batch+json")).body.events).toHaveLength(2);
    const faulty = [event, { ...event, id: "c3", subject: undefined }];
    const { status, body } = await post(JSON.stringify(faulty), "application/cloudevents-batch+json");
    expect([status, body]).toEqual([422, expect.objectContaining({ index: 1, field: "subject" })]);
    expect((await post("[]", "application/cloudevents-batch+json")).status).toBe(422);
    expect((await post("{}", "application/cloudevents-batch+json")).status).toBe(422);
  });

  test.each([
    ["specversion", { specversion: "0.3" }],
    ["specversion", { specversion: undefined }],
    ["id", { id: undefined }],
    ["id", { id: "a.b" }],
    ["source", { source: undefined }],
    ["type", { type: undefined }],
    ["subject", { subject: undefined }],
    ["time", { time: "yesterday" }],
    ["data_base64", { data: 1, data_base64: "AQID" }],
    ["data_base64", { data_base64: "?" }],
  ])("%s at fault: %o", async (field, more) => {
    const { status, body } = await structured(more);
    expect([status, body.field]).toEqual([422, field]);
  });

  test("binary", async () => {
    const headers = {
      "ce-specversion": "1.0",
      "ce-id": "h1",
      "ce-source": "/shop",
      "ce-type": "order.ready",
      "ce-subject": "orders/caf%C3%A9%20",
      "ce-time": "2026-01-02T03:04:05+01:00",
    };
    const spaced = await post('{"n": 1.0}', "application/json", headers);
    expect([spaced.status, spaced.body.code]).toEqual([422, "invalid-topic"]);
    await post('{"n": 1.0}', "application/vnd.x+json; charset=utf-8", { ...headers, "ce-subject": "orders/caf%C3%A9" });
    await post(new Uint8Array([1, 2, 255]), "application/octet-stream", {
      ...headers,
      "ce-id": "h2",
      "ce-subject": "b",
    });
    await post("", null, { ...headers, "ce-id": "h3", "ce-subject": "b" });
    expect((await stored("orders/café"))[0]).toMatch(
      /^\{"id":"h1","topic":"orders\/café","type":"order.ready","time":"2026-01-02T02:04:05.000Z","cursor":"[^"]+","data":\{"n":1.0\}\}$/,
    );
    expect((await stored("b")).map((json) => JSON.parse(json))).toEqual([
      expect.objectContaining({ datacontenttype: "application/octet-stream", data_base64: "AQL/" }),
      expect.objectContaining({ id: "h3", data: null }),
    ]);
  });

  test("binary, at fault", async () => {
    const headers = { "ce-specversion": "1.0", "ce-id": "h1", "ce-source": "/shop", "ce-type": "t" };
    expect((await post("1", "application/json", headers)).body).toMatchObject({
      code: "invalid-event",
      field: "subject",
    });
    const bad = await post("1", "application/json", { ...headers, "ce-subject": "%FF" });
    expect([bad.status, bad.body.field]).toEqual([422, "subject"]);
    const text = await post("{", "application/json", { ...headers, "ce-subject": "s" });
    expect([text.status, text.body.code]).toEqual([400, "invalid-json"]);
  });
});

test("a log that takes nothing is 503 with Retry-After", async () => {
  await gateway.log.close();
  const { status, body, headers } = await post('{"topic":"t","data":1}');
  expect([status, body.code, headers.get("retry-after")]).toEqual([503, "log-unavailable", "1"]);
});
