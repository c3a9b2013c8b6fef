import { readFile, writeFile } from "node:fs/promises";
import { afterEach, expect, test } from "vitest";
import { drivers } from "../conformance/drivers/index.ts";
import type { Reader } from "../conformance/drivers/reader-driver.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { until } from "../support/until.ts";

let gateway: GatewayProcess | undefined;
let readers: Reader[] = [];

afterEach(async () => {
  for (const reader of readers.splice(0)) reader.cut();
  await gateway?.close();
});

test("SIGTERM: readers are sent away, what was on its way is answered, and the process ends with 0", async () => {
  gateway = await GatewayProcess.start({ drain: { spread: "500ms", timeout: "10s" } });
  const { url, publisher } = gateway;
  readers = await Promise.all(drivers.map((driver) => driver.connect({ url, topics: ["a"] })));
  const publishing = Promise.all(
    Array.from({ length: 20 }, (_, data) => publisher.send(JSON.stringify({ topic: "a", data })).catch(() => null)),
  );
  const code = await gateway.kill("SIGTERM");
  expect(code).toBe(0);
  const answers = await publishing;
  for (const answer of answers) if (answer !== null) expect([201, 503]).toContain(answer.status);
  for (const { inbox } of readers) await inbox.untilEnd();
  const [, , sse, websocket] = readers as [Reader, Reader, Reader, Reader];
  expect([sse.inbox.end?.how, websocket.inbox.end?.how]).toEqual(["complete", 1001]);
  await gateway.launch();
  // Everything that was acknowledged is there.
  const acknowledged = answers.filter((answer) => answer?.status === 201).length;
  const page = (await (await fetch(`${url}/realtime/events?topic=a&after=earliest`)).json()) as { events: unknown[] };
  expect(page.events.length).toBeGreaterThanOrEqual(acknowledged);
});

test("SIGHUP: a good configuration is taken without dropping a connection, a bad one is refused", async () => {
  gateway = await GatewayProcess.start();
  const { url, publisher } = gateway;
  readers = await Promise.all(drivers.map((driver) => driver.connect({ url, topics: ["a"] })));
  const settings = JSON.parse(await readFile(gateway.configPath, "utf8")) as Record<string, unknown>;
  const statusOf = async (topics: string): Promise<number> => (await fetch(`${url}/realtime/events?${topics}`)).status;

  await writeFile(gateway.configPath, JSON.stringify({ ...settings, limits: { subscriptions: 1 } }));
  gateway.signal("SIGHUP");
  await until("the new limit", async () => (await statusOf("topic=a&topic=b")) === 400);

  await writeFile(gateway.configPath, JSON.stringify({ ...settings, limits: { subscriptions: -1 } }));
  const before = gateway.output.length;
  gateway.signal("SIGHUP");
  await until("the refusal to be logged", () => gateway?.output.slice(before).includes("limits.subscriptions"));
  expect(await statusOf("topic=a&topic=b")).toBe(400);
  expect(await statusOf("topic=a")).toBe(200);

  await publisher.publish({ topic: "a", data: 1 });
  for (const { inbox } of readers) {
    await inbox.take(1);
    expect(inbox.end).toBeNull();
  }
});
