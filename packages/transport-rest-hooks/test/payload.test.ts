import { StoredEvent } from "@sluice/core";
import { expect, test } from "vitest";
import { Payloads } from "../src/hooks/payload.ts";

const event = new StoredEvent({
  epoch: "e",
  position: 7,
  id: "i",
  topic: "t",
  type: "message",
  time: "2026-01-01T00:00:00.000Z",
  data: "1",
  dataContentType: null,
});

test("a payload that is the same for all hooks of a format is made once", () => {
  const payloads = new Payloads("s");
  const bodies = new Set<Uint8Array>();
  for (let index = 0; index < 10_000; index += 1) {
    const options = { format: "standard", hookId: `h${index}`, event: "", target: "u", readUrl: "r" } as const;
    bodies.add(payloads.of(event, options).body);
  }
  expect(bodies.size).toBe(1);
  expect(payloads.madeCount).toBe(1);
});
