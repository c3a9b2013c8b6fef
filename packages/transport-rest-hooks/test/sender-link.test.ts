import type { Worker } from "node:worker_threads";
import { systemClock, type Logger } from "@sluice/core";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SenderLink, type SenderLinkOptions } from "../src/sending/sender-link.ts";
import type { UnsignedRequest } from "../src/sending/sender-messages.ts";
import { newSecret } from "../src/sending/signer.ts";
import { HookGateway } from "./support/hook-gateway.ts";
import { Receiver, status } from "./support/receiver.ts";
import { until } from "./support/until.ts";

/** Threads that were started since {@link beforeEach}. */
let threads: Worker[] = [];
function note(worker: Worker): void {
  threads.push(worker);
}

/** The youngest thread that sends. */
function senderThread(): Worker {
  const thread = threads.findLast(({ threadName }) => threadName === "hook-sender");
  if (thread === undefined) throw new Error("no thread sends");
  return thread;
}

let receiver: Receiver;
beforeEach(async () => {
  threads = [];
  process.on("worker", note);
  receiver = await Receiver.start();
});
afterEach(async () => {
  process.off("worker", note);
  await receiver.close();
});

describe("the link to the thread that sends", () => {
  const logged: string[] = [];
  const noteLine = (_fields: object, text: string): void => void logged.push(text);
  const logger: Logger = { debug: noteLine, info: noteLine, warn: noteLine, error: noteLine };
  let link: SenderLink;

  async function start(options: Partial<SenderLinkOptions> = {}): Promise<void> {
    logged.length = 0;
    const allow = [{ cidr: "127.0.0.1", ports: null }];
    const own = { clock: systemClock, logger, ownPorts: () => [], timeoutMs: 5000, perOrigin: 10 };
    link = new SenderLink({ ...own, canUseHttp: true, allow, ...options });
    await link.begun();
  }
  afterEach(() => link.close());

  function post(url: string, more: Partial<UnsignedRequest> = {}): UnsignedRequest {
    return {
      url,
      method: "POST",
      payload: { body: Buffer.from("{}"), headers: [] },
      headers: [],
      signing: null,
      ...more,
    };
  }
  const signing = { hook: "h", id: "e1", atMs: Date.now(), hasHookSignature: false };

  test("a thread that ends is started again and told anew what it has to know; what it had under way fails", async () => {
    await start();
    const secrets = [{ text: newSecret(), expiresAtMs: null }];
    const request = post(receiver.url(), { signing });
    expect(await link.send(request, secrets)).toMatchObject({ status: 200 });
    receiver.script = () => undefined;
    const underWay = [link.send(request, secrets), link.send(request, secrets)];
    await receiver.take(3);
    await senderThread().terminate();
    expect(await Promise.all(underWay)).toMatchObject([{ error: "thread" }, { error: "thread" }]);
    expect(logged).toHaveLength(1);
    receiver.script = status(200);
    expect(await link.send(request, secrets)).toMatchObject({ status: 200 });
    const { body, headers } = receiver.received[3] ?? expect.fail();
    expect(new Webhook(secrets[0]?.text ?? "").verify(body.toString(), headers as Record<string, string>)).toEqual({});
  });

  test("new secrets sign from the next request on; those of a hook that has ended are forgotten", async () => {
    await start();
    const texts = [newSecret(), newSecret()];
    const send = (text: string): Promise<unknown> =>
      link.send(post(receiver.url(), { signing }), [{ text, expiresAtMs: null }]);
    await send(texts[0] as string);
    await send(texts[1] as string);
    link.forget("h");
    await send(texts[0] as string);
    const signatures = receiver.received.map(({ headers }) => headers["webhook-signature"]);
    expect(signatures[0]).toBe(signatures[2]);
    expect(signatures[0]).not.toBe(signatures[1]);
  });

  test("a body that many requests share comes to all of them as it is", async () => {
    await start();
    const payload = { body: Buffer.from('{"text":"\u2028 ü"}'), headers: ["x-kind", "shared"] };
    const answers = Array.from({ length: 20 }, (_, index) => link.send(post(receiver.url(`/${index}`), { payload })));
    expect(await Promise.all(answers)).toHaveLength(20);
    expect(receiver.received.map(({ path }) => path).toSorted()).toHaveLength(20);
    for (const { body, headers } of receiver.received) {
      expect(body).toEqual(payload.body);
      expect(headers["x-kind"]).toBe("shared");
    }
  });

  test("what is given up ends at once, whatever the thread is at", async () => {
    await start();
    receiver.script = () => undefined;
    const underWay = link.send(post(receiver.url()));
    await receiver.take(1);
    link.abort();
    expect(await underWay).toMatchObject({ error: "shutdown" });
    await link.close();
    expect(await link.send(post(receiver.url()))).toMatchObject({ error: "shutdown" });
  });

  test("ports that the gateway begins to listen on are refused from then on", async () => {
    let ports: readonly number[] = [];
    await start({ ownPorts: () => ports });
    expect(await link.send(post(receiver.url()))).toMatchObject({ status: 200 });
    ports = [receiver.port];
    // On a connection that is there nothing is asked: a listener begins before there are any to it.
    expect(await link.send(post(receiver.url("/", "127.0.0.2")))).toMatchObject({ error: "forbidden" });
    expect(await link.send(post(receiver.url("/", "localhost")))).toMatchObject({ error: "forbidden" });
  });

  test("a resolver of the composition is asked, and what it fails with is understood", async () => {
    const resolve = async (hostname: string): Promise<readonly { address: string; family: number }[]> => {
      if (hostname === "here.test") return [{ address: "127.0.0.1", family: 4 }];
      throw Object.assign(new Error(`no ${hostname}`), { code: "ENOTFOUND" });
    };
    await start({ resolve });
    expect(await link.send(post(receiver.url("/", "here.test")))).toMatchObject({ status: 200 });
    expect(await link.send(post(receiver.url("/", "gone.test")))).toMatchObject({
      error: "dns",
      reason: "no gone.test",
    });
  });
});

test("a thread that ends with deliveries under way: they are made again, and nobody is blamed", async () => {
  const gateway = await HookGateway.start({ scheduleMs: [0, 50, 60_000] });
  try {
    const { id } = await gateway.hook(receiver.url());
    receiver.script = () => undefined;
    await gateway.publish("a", 1);
    await gateway.publish("b", 2);
    await receiver.take(2);
    receiver.script = status(200);
    await senderThread().terminate();
    await receiver.take(4);
    await gateway.publish("a", 3);
    await receiver.take(5);
    expect(new Set(receiver.data.slice(2))).toEqual(new Set([1, 2, 3]));
    const records = await until("five records", async () => {
      const { json } = await gateway.ask("GET", `/hooks/${id}/attempts`);
      const attempts = json["attempts"] as readonly { outcome: string; error: string | null }[];
      return attempts.length === 5 ? attempts : undefined;
    });
    expect(records.filter(({ error }) => error === "thread")).toHaveLength(2);
    expect(gateway.transport.figures.attempts.get("delivered none")).toBe(3);
    expect(await gateway.state(id)).toMatchObject({ status: "active" });
  } finally {
    await gateway.close();
  }
});
