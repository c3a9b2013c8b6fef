import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Echo } from "./support/echo.ts";
import { startGateway, type Gateway } from "./support/gateway.ts";
import { bodyOfResponse, RawClient } from "./support/raw-client.ts";

const ALL = ["polling", "long-polling", "sse", "iframe"].map((name) => new Echo(name, name !== "polling"));

let gateway: Gateway;

async function chosen(query = "", headers: Record<string, string> = {}): Promise<unknown> {
  const response = await fetch(`${gateway.origin}/realtime/events?topic=a${query}`, { headers });
  const body = (await response.json()) as { transport?: string; code?: string };
  return response.ok ? body.transport : [response.status, body.code];
}

afterEach(() => gateway.close());

describe("with every transport on", () => {
  beforeEach(async () => {
    gateway = await startGateway({ transports: ALL });
  });

  test.each([
    ["", {}, "polling"],
    ["", { accept: "*/*" }, "polling"],
    ["", { accept: "text/*" }, "polling"],
    ["", { accept: "application/json" }, "polling"],
    ["", { accept: "text/event-stream" }, "sse"],
    ["", { accept: "application/json, Text/Event-Stream;q=0.5" }, "sse"],
    ["", { accept: "text/event-stream;q=0" }, "polling"],
    ["", { prefer: "wait=1" }, "long-polling"],
    ["&wait=1", {}, "long-polling"],
    ["&wait=1", { accept: "text/event-stream" }, "sse"],
    ["&transport=polling", { accept: "text/event-stream" }, "polling"],
    ["&transport=long-polling", {}, "long-polling"],
    ["&transport=iframe", {}, "iframe"],
    ["&callback=f", {}, "polling"],
  ])("%s %o: %s", async (query, headers, transport) => expect(await chosen(query, headers)).toBe(transport));

  test("a transport that nobody has", async () => {
    expect(await chosen("&transport=pigeon")).toEqual([400, "invalid-parameter"]);
    expect(await chosen("&transport=")).toEqual([400, "invalid-parameter"]);
  });

  test("a stream needs topics", async () => {
    const response = await fetch(`${gateway.origin}/realtime/events?transport=sse`);
    expect([response.status, await response.json()]).toEqual([400, expect.objectContaining({ field: "topic" })]);
  });

  test("HEAD takes no seat", async () => {
    await fetch(`${gateway.origin}/realtime/events?topic=a`, {
      method: "HEAD",
      headers: { accept: "text/event-stream" },
    });
    expect(gateway.seats.taken).toBe(0);
  });
});

describe("with a transport off", () => {
  beforeEach(async () => {
    gateway = await startGateway({ transports: [new Echo("polling"), new Echo("sse")] });
  });

  test.each([
    ["&transport=long-polling", {}],
    ["&wait=1", {}],
    ["&transport=websocket", {}],
    ["", { upgrade: "websocket", connection: "upgrade" }],
    ["&callback=f", {}],
  ])("%s %o is 406 and lists those on", async (query, headers) => {
    // By hand, since no HTTP client sends an Upgrade of the caller's.
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const client = new RawClient(gateway.port);
    client.send(`GET /realtime/events?topic=a${query} HTTP/1.1\r\nHost: x\r\n${lines.join("")}\r\n`);
    const response = await client.holds("}");
    client.destroy();
    expect(response).toContain("HTTP/1.1 406 ");
    expect(bodyOfResponse(response)).toMatchObject({ code: "transport-off", transports: ["polling", "sse"] });
    expect(gateway.refused.at(-1)).toMatch(/ transport-off$/);
  });
});

test("polling off", async () => {
  gateway = await startGateway({ transports: [new Echo("sse")] });
  expect(await chosen()).toEqual([406, "transport-off"]);
});
