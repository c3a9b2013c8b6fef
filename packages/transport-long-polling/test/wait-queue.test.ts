import { ManualClock } from "@sluice/core/testing";
import { describe, expect, it } from "vitest";
import { WaitQueue, type QueuedWait } from "../src/wait-queue.ts";

describe("the waits of one length", () => {
  it("share one timer, also if others begin or leave while some are answered", () => {
    const clock = new ManualClock();
    const queue = new WaitQueue(clock, 100);
    const answered: [name: string, atMs: number][] = [];
    const wait = (name: string, then: () => void = () => undefined): QueuedWait => {
      const self = {
        endsAtMs: 0,
        answer: () => {
          queue.remove(self);
          answered.push([name, clock.monotonic()]);
          then();
        },
        dismiss: () => self.answer(),
      };
      queue.add(self);
      return self;
    };
    wait("first", () => wait("after the first"));
    wait("second");
    const gone = wait("gone");
    wait("third", () => wait("after the third"));
    queue.remove(gone);
    clock.advance(50);
    wait("later");
    expect(clock.pending).toBe(1);
    clock.advance(50);
    expect(clock.pending).toBe(1);
    clock.advance(50);
    expect(clock.pending).toBe(1);
    clock.advance(50);
    expect(clock.pending).toBe(0);
    expect(answered).toEqual([
      ["first", 100],
      ["second", 100],
      ["third", 100],
      ["later", 150],
      ["after the first", 200],
      ["after the third", 200],
    ]);
    wait("alone", () => wait("its heir"));
    queue.dismiss();
    expect(clock.pending).toBe(0);
  });
});
