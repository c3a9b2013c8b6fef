import { CLOSE_REASONS, StoredEvent } from "@sluice/core";
import { describe, expect, it } from "vitest";
import { Allowance } from "../src/allowance.ts";
import { CLOSE_CODES, closeText } from "../src/close-codes.ts";
import { eventCodec, textFrame } from "../src/frames.ts";

describe("textFrame", () => {
  it.each([
    [0, "8100"],
    [1, "8101"],
    [125, "817d"],
    [126, "817e007e"],
    [65_535, "817effff"],
    [65_536, "817f0000000000010000"],
  ])("puts the shortest head before %i bytes", (bytes, head) => {
    const text = bytes % 2 === 0 ? "é".repeat(bytes / 2) : "x".repeat(bytes);
    const frame = textFrame(text);
    expect(frame.toString("hex", 0, head.length / 2)).toBe(head);
    expect(frame.toString("utf8", head.length / 2)).toBe(text);
  });
});

describe("eventCodec", () => {
  it("puts the events' frames one behind the other", () => {
    const events = ["a", "é".repeat(100), "x".repeat(70_000)].map((data, index) => {
      const time = "2026-11-24T00:00:00.000Z";
      const content = {
        id: `${index}`,
        topic: "t",
        type: "m",
        time,
        data: JSON.stringify(data),
        dataContentType: null,
      };
      return new StoredEvent({ ...content, epoch: "e", position: index + 1 });
    });
    expect(eventCodec.encode(events)).toEqual(Buffer.concat(events.map(({ json }) => textFrame(json))));
  });
});

describe("close codes", () => {
  it("stand for every reason, and those above 4407 for coming back", () => {
    for (const [name, code] of Object.entries(CLOSE_CODES)) {
      const { mayReconnect } = CLOSE_REASONS[name as keyof typeof CLOSE_REASONS];
      if (code >= 4000) expect(mayReconnect).toBe(code >= 4408);
      else expect(mayReconnect).toBe(![1002, 1003, 1007, 1008, 1009].includes(code));
    }
  });

  it("have a text that fits", () => {
    for (const reason of Object.values(CLOSE_REASONS)) expect(closeText(reason)).toBe(reason.detail);
    const long = closeText({ ...CLOSE_REASONS.policy, detail: "é".repeat(100) });
    expect(long).toBe("é".repeat(61));
  });
});

describe("Allowance", () => {
  it("lets a client a little over the limit through, most of the time, and never takes it for a flood", () => {
    const allowance = new Allowance(50, 0);
    const seen = { granted: 0, refused: 0, flooded: 0 };
    for (let n = 1; n <= 1000; n += 1) seen[allowance.take(50, n * 18)] += 1;
    expect(seen.flooded).toBe(0);
    expect(seen.granted).toBeGreaterThan(900);
    expect(seen.refused).toBeGreaterThan(0);
  });

  it("takes one that does not mind refusals for a flood, until it has been quiet", () => {
    const allowance = new Allowance(50, 0);
    const answers = Array.from({ length: 151 }, () => allowance.take(50, 0));
    expect(answers.filter((answer) => answer === "granted").length).toBe(50);
    expect(answers.filter((answer) => answer === "refused").length).toBe(100);
    expect(answers.at(-1)).toBe("flooded");
    expect(allowance.take(50, 60_000)).toBe("granted");
  });

  it("follows a limit that changes", () => {
    const allowance = new Allowance(1, 0);
    expect([allowance.take(1, 0), allowance.take(1, 0)]).toEqual(["granted", "refused"]);
    expect([allowance.take(100, 20), allowance.take(100, 20)]).toEqual(["granted", "granted"]);
  });
});
