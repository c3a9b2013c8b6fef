import { newEventId, systemClock } from "@sluice/core";
import { expect, test } from "vitest";
import { isSecret, newSecret, Signer, webhookId } from "../src/sending/signer.ts";

test("the published vector of Standard Webhooks", () => {
  const signer = new Signer([{ text: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", expiresAtMs: null }]);
  const signature = signer.standard(
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    1_614_265_330,
    Buffer.from('{"test": 2432232314}'),
    0,
  );
  expect(signature).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
});

test("a secret that has expired signs no more", () => {
  const secrets = [newSecret(), newSecret()].map((text, index) => ({ text, expiresAtMs: index === 0 ? null : 1000 }));
  const signer = new Signer(secrets);
  expect(signer.standard("i", 1, Buffer.alloc(0), 999).split(" ")).toHaveLength(2);
  expect(signer.standard("i", 1, Buffer.alloc(0), 1000).split(" ")).toHaveLength(1);
});

test("what is a secret", () => {
  expect(isSecret(newSecret())).toBe(true);
  for (const text of [
    "",
    "whsec_",
    `whsec_${Buffer.alloc(23).toString("base64")}`,
    `whsec_${Buffer.alloc(65).toString("base64")}`,
    "x",
  ]) {
    expect(isSecret(text)).toBe(false);
  }
});

test("an id that the gateway made for the topic is the webhook's; any other gets a hash of the topic", () => {
  const own = newEventId(systemClock, "a");
  expect(webhookId(own, "a")).toBe(own);
  // As somebody does who passes events on under another topic.
  expect(webhookId(own, "b")).not.toBe(own);
  expect(webhookId("01KAPX3J5Q8ZZZZZZZZZZZZZZZ", "a")).toMatch(/^01KAPX3J5Q8ZZZZZZZZZZZZZZZ_[\w-]{8}$/);
  expect(webhookId("one", "a")).not.toBe(webhookId("one", "b"));
  expect(webhookId("one", "a")).toBe(webhookId("one", "a"));
});
