import { describe, expect, test } from "vitest";
import { answer, arrowsOf, ask, chunked, eventJson, message, readDialogue } from "./dialogue.ts";

const GET = message(["GET /realtime/events?topic=orders&after=a-1 HTTP/1.1", "Host: x"]);
const JSON_TYPE = "Content-Type: application/json; charset=utf-8";

function page(...events: readonly string[]): string {
  return `{"events":[${events.join(",")}],"cursor":"a-1"}`;
}

function ok(body: string, ...fields: readonly string[]): string {
  return message(["HTTP/1.1 200 OK", JSON_TYPE, `Content-Length: ${Buffer.byteLength(body)}`, ...fields], body);
}

describe("polls", () => {
  test("on a connection that is kept: with events, without any, not modified", () => {
    const answers = [
      ok(page(eventJson(), eventJson())),
      ok(page()),
      message(["HTTP/1.1 304 Not Modified", 'ETag: "a-1"', "Content-Length: 21"]),
      ok('{"events":[],"cursor":"a-1","gap":{"after":"a","resumed_at":"b","reason":"expired"}}'),
    ];
    const arrows = readDialogue(answers.flatMap((text) => [ask(GET), answer(text)]));
    const requests = arrows.filter(({ what }) => what === "request");
    expect(requests).toHaveLength(4);
    for (const request of requests) {
      expect(request).toMatchObject({ label: "GET /realtime/events", from: "client", bytes: GET.length, text: GET });
    }
    expect(arrows.filter(({ what }) => what === "response")).toMatchObject([
      { label: "200, 2 events", answerTo: 2, from: "gateway", events: 2, isWasted: false, text: answers[0] },
      { label: "200, no events", answerTo: 4, events: 0, isWasted: true },
      { label: "304", answerTo: 6, events: 0, isWasted: true },
      { label: "200, no events, gap", answerTo: 8, events: 0, isWasted: false },
    ]);
  });

  test("sent ahead are answered in order, whatever their bodies are like", () => {
    const head = message(["HEAD /menu HTTP/1.1"]);
    const remove = message(["DELETE /orders/1 HTTP/1.1"]);
    const answers = [
      message(["HTTP/1.1 200 OK", "Content-Length: 900"]),
      message(["HTTP/1.1 204 No Content"]),
      message(["HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked"], chunked("abc", "de")),
      ok(page(eventJson())),
    ];
    const arrows = readDialogue([ask(head + remove + head.replace("HEAD", "GET") + GET), answer(answers.join(""))]);
    expect(arrows.map(({ label, answerTo }) => [label, answerTo])).toEqual([
      ["HEAD /menu", null],
      ["DELETE /orders/1", null],
      ["GET /menu", null],
      ["GET /realtime/events", null],
      ["200", 2],
      ["204", 3],
      ["200", 4],
      ["200, 1 event", 5],
    ]);
  });
});

describe("bodies", () => {
  test("of requests, by length and in chunks with extensions and trailers, are shown without their framing", () => {
    const chunks = "5;name=value\r\nhello\r\n06 \r\n world\r\n0\r\nDigest: x\r\n\r\n";
    const head = ["POST /orders HTTP/1.1", "transfer-encoding: chunked"];
    const byLength = message(["POST /orders HTTP/1.1", "Content-Length: 5"], "hello");
    const arrows = readDialogue([ask(byLength), ask(message(head, chunks)), answer("HTTP/1.1 201 Created\r\n\r\n")]);
    expect(arrows).toMatchObject([
      { label: "POST /orders", bytes: byLength.length, text: byLength },
      { label: "POST /orders", bytes: message(head, chunks).length, text: message(head, "hello world") },
      { label: "201", answerTo: 2 },
    ]);
  });

  test("without a length last as long as the connection", () => {
    const text = message(["HTTP/1.0 200 OK"], "a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
    expect(readDialogue([ask(GET), answer(text)]).slice(1)).toMatchObject([{ label: "200", bytes: text.length, text }]);
  });

  test("are shown to 4 KiB, without half a character at the end", () => {
    const filler = "x".repeat(4095 - "HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n".length);
    const body = `${filler}é`.padEnd(8999, "y");
    const text = message(["HTTP/1.1 200 OK", "Content-Length: 9000"], body);
    const [arrow] = readDialogue([answer(text)]);
    expect(arrow).toMatchObject({ isTextCut: true, bytes: Buffer.byteLength(text) });
    expect(arrow?.text).toBe(text.slice(0, text.indexOf("é")));
  });
});

test("a large page is counted, and not looked into", () => {
  const text = ok(page(...Array.from({ length: 10_000 }, () => eventJson())));
  const [, response] = arrowsOf([ask(GET), answer(text)], (bytes) => [bytes], "client").slice(1, -1);
  expect(response).toMatchObject({ label: "200", events: 0, isWasted: false, bytes: Buffer.byteLength(text) });
});

test("interim answers are arrows of their own", () => {
  const post = message(["POST /orders HTTP/1.1", "Content-Length: 2", "Expect: 100-continue"]);
  const arrows = readDialogue([
    ask(post),
    answer("HTTP/1.1 100 Continue\r\n\r\n"),
    ask("{}"),
    answer("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
  ]);
  expect(arrows.map(({ what, label, answerTo }) => [what, label, answerTo])).toEqual([
    ["response", "100", null],
    ["request", "POST /orders", null],
    ["response", "201", 3],
  ]);
});

test("the time of an arrow is that of its first and its last byte", () => {
  const lines = [ask(GET.slice(0, 9)), ask(GET.slice(9)), answer("HTTP/1.1 304 \r\n"), answer("\r\n")];
  const arrows = readDialogue(lines);
  expect(arrows.map(({ beganAt, endedAt }) => [beganAt, endedAt])).toEqual([
    [1, 2],
    [3, 4],
  ]);
});

describe("deliveries to a hook", () => {
  const deliver = (attempt: string, body: string): string =>
    message(
      [
        "POST /in HTTP/1.1",
        "webhook-id: 1",
        `Sluice-Attempt: ${attempt}`,
        `content-length: ${Buffer.byteLength(body)}`,
      ],
      body,
    );
  const handshake = message(["POST /in HTTP/1.1", "x-hook-secret: whsec_x", "content-length: 0"]);
  const empty = (status: number): string => message([`HTTP/1.1 ${status} x`, "content-length: 0"]);

  test("are asked by the gateway", () => {
    const arrows = readDialogue(
      [
        ask(handshake),
        answer(empty(200)),
        ask(deliver("1", eventJson())),
        answer(empty(503)),
        ask(deliver("2", eventJson())),
        answer(empty(200)),
        ask(deliver("1", "{}")),
        answer(empty(410)),
        ask("DELETE /in HTTP/1.1\r\n\r\n"),
        answer(empty(204)),
      ],
      "gateway",
    );
    expect(arrows.map(({ from, what, label, events, answerTo }) => [from, what, label, events, answerTo])).toEqual([
      ["gateway", "request", "POST, handshake", 0, null],
      ["client", "response", "200", 0, 2],
      ["gateway", "request", "orders/k3m9xz updated", 1, null],
      ["client", "response", "503", 0, 4],
      ["gateway", "request", "orders/k3m9xz updated, attempt 2", 1, null],
      ["client", "response", "200", 0, 6],
      ["gateway", "request", "delivery", 1, null],
      ["client", "response", "410", 0, 8],
      ["gateway", "request", "DELETE /in", 0, null],
      ["client", "response", "204", 0, 10],
    ]);
  });
});

describe("BOSH", () => {
  const send = (body: string): string =>
    message(
      ["POST /realtime/http-bind HTTP/1.1", "Content-Type: text/xml; charset=utf-8", `Content-Length: ${body.length}`],
      body,
    );
  const reply = (body: string): string =>
    message(["HTTP/1.1 200 OK", "content-type: text/xml; charset=utf-8", `content-length: ${body.length}`], body);

  test("tells what is in a body, and which are empty", () => {
    const item = "<item id='a-1'><json xmlns='urn:xmpp:json:0'>{}</json></item>";
    const event = `<message><event><items node='orders'>${item}${item}</items></event></message>`;
    const asks = [
      "<body rid='1' to='localhost' wait='10'/>",
      "<body rid='2' sid='s'><auth mechanism='ANONYMOUS'/></body>",
      "<body rid='3' sid='s' xmpp:restart='true'/>",
      "<body rid='4' sid='s'></body>",
      "<body rid='5' sid='s'/>",
      "<body rid='6' sid='s' type='terminate'><presence type='unavailable'/></body>",
      "nonsense",
    ];
    const answers = [
      "<body sid='s' wait='10'/>",
      "<body><success/></body>",
      "<body><stream:features><bind/></stream:features></body>",
      "<body/>",
      `<body xmlns='b'>${event}</body>`,
      "<body type='terminate'/>",
      "nonsense",
    ];
    const arrows = readDialogue(asks.flatMap((body, index) => [ask(send(body)), answer(reply(answers[index] ?? ""))]));
    const seen = arrows.map(({ what, label, events, isWasted }) => [what, label, events, isWasted]);
    const path = "POST /realtime/http-bind";
    expect(seen).toEqual([
      ["request", `${path}, session`, 0, false],
      ["response", "200, session", 0, false],
      ["request", `${path}, auth`, 0, false],
      ["response", "200, success", 0, false],
      ["request", `${path}, restart`, 0, false],
      ["response", "200, stream:features", 0, false],
      ["request", `${path}, empty`, 0, false],
      ["heartbeat", "200, empty", 0, true],
      ["request", `${path}, empty`, 0, false],
      ["response", "200, 2 events", 2, false],
      ["request", `${path}, terminate`, 0, false],
      ["response", "200, terminate", 0, false],
      ["request", `${path}, no body`, 0, false],
      ["response", "200, no body", 0, false],
    ]);
  });
});
