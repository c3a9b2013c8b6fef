import { afterEach, beforeEach, expect, test } from "vitest";
import { HookGateway } from "./support/hook-gateway.ts";
import { Receiver } from "./support/receiver.ts";
import { until } from "./support/until.ts";

let gateway: HookGateway;
let receiver: Receiver;

beforeEach(async () => {
  receiver = await Receiver.start();
  gateway = await HookGateway.start();
});
afterEach(async () => {
  await gateway.close();
  await receiver.close();
});

test("what was under way when the hook was paused is not sent again, and what waited is sent in order", async () => {
  const answers: (() => void)[] = [];
  receiver.script = (_received, response) => void answers.push(() => response.writeHead(200).end());
  const hook = await gateway.hook(receiver.url());
  const [first] = [await gateway.publish("a", 0)];
  for (const data of [1, 2, 3]) await gateway.publish("a", data);
  await receiver.take(1);
  await gateway.ask("POST", `/hooks/${hook.id}/pause`);
  answers[0]?.();
  await until("the cursor", async () => (await gateway.state(hook.id))["cursor"] === first);
  expect(receiver.data).toEqual([0]);
  await gateway.ask("POST", `/hooks/${hook.id}/resume`);
  for (let count = 2; count <= 4; count += 1) {
    await receiver.take(count);
    answers[count - 1]?.();
  }
  expect(receiver.data).toEqual([0, 1, 2, 3]);
});

test("resumed while a request is under way: the next of its topic waits for it", async () => {
  const answers: (() => void)[] = [];
  receiver.script = (_received, response) => void answers.push(() => response.writeHead(200).end());
  const hook = await gateway.hook(receiver.url());
  await gateway.publish("a", 0);
  await gateway.publish("a", 1);
  await receiver.take(1);
  await gateway.ask("POST", `/hooks/${hook.id}/pause`);
  await gateway.ask("POST", `/hooks/${hook.id}/resume`);
  await gateway.publish("b", 2);
  await receiver.take(2);
  expect(receiver.data).toEqual([0, 2]);
  answers[0]?.();
  await receiver.take(3);
  expect(receiver.data).toEqual([0, 2, 1]);
  for (const answer of answers.slice(1)) answer();
});
